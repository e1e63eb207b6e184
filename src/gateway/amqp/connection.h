#pragma once

#include "gateway/amqp/bridge.h"
#include "gateway/amqp/claims.h"
#include "gateway/amqp/context.h"
#include "gateway/amqp/link.h"
#include "gateway/amqp/seat.h"
#include "gateway/deadlines.h"
#include "gateway/device_credentials.h"
#include "hub/device_door.h"
#include "protocol/amqp/cbs.h"
#include "protocol/amqp/driver.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace twinhub::provisioning {
struct Caller;
}  // namespace twinhub::provisioning

namespace twinhub::gateway::amqp {

class CbsNode;
class ProvisioningNode;

// An AMQP connection of a device, of several devices behind one gateway, or of a service. It starts
// on the loop that accepted it and moves, once, to the loop of the first identity that it names;
// the hub's side of each identity lives where its twin does (Delegate).
class AmqpConnection final : private Deadline, public std::enable_shared_from_this<AmqpConnection> {
public:
    AmqpConnection(std::unique_ptr<Transport> transport, AmqpContext& context);
    ~AmqpConnection() override;

    void start();
    void stop();  // closes: the server shuts down

    // --- for links and for answers from elsewhere, on this loop -------------------------------
    AmqpContext& context() { return *context_; }
    protocol::amqp::Driver& driver() { return driver_; }
    const Transport& transport() const { return *transport_; }
    const Executor& here() const { return context_->executor(); }

    // Runs `work` and sends what it wrote. Every call from outside of a turn goes through it.
    template <class Work>
    void turn(Work work) {
        if (closed_) return;
        const auto self = shared_from_this();
        if (in_turn_) return work();
        in_turn_ = true;
        work();
        end_turn();
    }
    // A request was taken whose answer comes later, and it came: bounds what is unanswered.
    void expect() { ++unanswered_; }
    void answered() { --unanswered_; }

    // `seat`: of an identity's link; `claim`: of a service's, which ends with it.
    void accept(const protocol::amqp::LinkOffered& offer, std::shared_ptr<AmqpLink> link,
                Seat* seat, ClaimNumber claim = 0);
    void refuse(const protocol::amqp::LinkOffered& offer, const protocol::amqp::Condition& why);
    // Ends a link of ours; its object hears gone().
    void detach(protocol::amqp::LinkNumber link, const protocol::amqp::Condition& why);
    std::string error_body(const Error& error);
    std::string tracking_id();

    // Somebody proved who they are.
    void authorised();
    // How SASL goes on, once it is known who the client is, or what it has to sign with.
    void decide_sasl(protocol::amqp::SaslOutcome outcome);
    void challenge(std::string_view key);

    // `$cbs`: whether the token is good, as a status and a text.
    using TokenAnswer = std::move_only_function<void(int status, std::string_view description)>;
    void put_token(protocol::amqp::PutToken put, TokenAnswer answer);

    // From delegates.
    void desired_changed(const TwinId& id, std::uint64_t version, const std::string& body);
    void invoke(const TwinId& id, std::uint64_t number, const std::string& name,
                const std::string& payload);
    void deliver(const TwinId& id, const hub::LockedMessage& message);
    void identity_ended(const TwinId& id, hub::LinkEnd reason);

    // What gives a service the right to an operation, or nullptr.
    const Claim* claim_for(hub::Operation operation) const;
    Way<AmqpConnection> way() { return {here(), weak_from_this()}; }

private:
    struct OpenLink {
        std::shared_ptr<AmqpLink> link;
        Seat* seat = nullptr;
        ClaimNumber claim = 0;  // of a service's link
    };

    // connection.cc: bytes, events, time
    void expired(Moment now) override;
    void wait_readable();
    void read();
    void run_events();
    void handle(protocol::amqp::Event& event);
    void end_turn();
    void flush();
    void watch();
    void close(CloseReason reason);
    bool is_congested() const;
    // `then` runs on the loop that the connection has for good: that of the first identity it
    // names.
    void settle_on(const TwinId& id, std::move_only_function<void()> then);

    // connection_claims.cc: who the client is
    void plain_offered(const protocol::amqp::PlainCredentials& credentials);
    // A token signed with the key of an identity: of whom it may be, the likeliest first.
    struct IdentityToken {
        std::vector<TwinId> candidates;
        std::string text;
        bool connects = true;  // whose it is; not when a gateway puts it for one below it
    };
    void put_identity_token(IdentityToken token, std::size_t at, TokenAnswer answer);
    ClaimNumber claimed(Claim claim);
    void token_judged(const TwinId& id, std::uint64_t attempt, const Result<Admission>& admitted,
                      const std::string& token);
    void expire_claims(Instant now);

    // connection_tpm.cc: a device that comes by its TPM
    void tpm_asked(const protocol::amqp::TpmQuestion& question);
    void tpm_answered(std::string token);

    // connection_links.cc: what the client wants
    void link_offered(protocol::amqp::LinkOffered& offer);
    void registration_offered(const protocol::amqp::LinkOffered& offer,
                              const protocol::amqp::Address& address);
    void device_link_offered(const protocol::amqp::LinkOffered& offer,
                             const protocol::amqp::Address& address, std::size_t candidate);
    void open_device_link(Seat& seat, const protocol::amqp::LinkOffered& offer,
                          const protocol::amqp::Address& address);
    void service_link_offered(const protocol::amqp::LinkOffered& offer,
                              protocol::amqp::Endpoint endpoint);
    void link_gone(protocol::amqp::LinkNumber link);
    Seat& seat_of(const TwinId& id);
    std::size_t likeliest(const std::vector<TwinId>& candidates, std::string_view chain) const;
    // The token that speaks for an identity: its own, else that of the gateway above it.
    const Claim* claim_to_show(const TwinId& id, std::string_view chain) const;
    hub::AttachFacts attach_facts() const;
    void attach(Seat& seat, const std::string& chain);
    void connect_by_certificate();
    void attached(const TwinId& id, std::uint64_t attempt, Result<Admission> admitted);
    void leave_if_unused(Seat& seat);
    void end_seat(Seat& seat, const protocol::amqp::Condition& why);

    std::unique_ptr<Transport> transport_;
    AmqpContext* context_;
    protocol::amqp::Driver driver_;
    std::vector<protocol::amqp::Event> events_;  // those before next_event_ are done
    std::size_t next_event_ = 0;
    Claims claims_;
    std::map<TwinId, std::unique_ptr<Seat>> seats_;
    std::unordered_map<protocol::amqp::LinkNumber, OpenLink> links_;
    std::shared_ptr<CbsNode> cbs_;
    std::shared_ptr<ProvisioningNode> provisioning_;
    std::string provisioning_token_;  // what SASL brought for it
    std::shared_ptr<const provisioning::Caller> tpm_caller_;
    std::move_only_function<void()> resume_;  // on the other loop
    Moment authorise_by_;
    std::optional<Moment> certificate_speaks_at_;  // unless the client says who it is before
    std::size_t unanswered_ = 0;
    bool authorised_ = false;
    bool settled_ = false;  // on its loop for good
    bool moving_ = false;
    bool closed_ = false;
    bool in_turn_ = false;
    bool paused_ = false;
    bool waiting_ = false;
};

}  // namespace twinhub::gateway::amqp
