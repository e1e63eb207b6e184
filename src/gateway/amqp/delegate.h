#pragma once

#include "gateway/amqp/bridge.h"
#include "gateway/amqp/context.h"
#include "gateway/auth_chain.h"
#include "gateway/device_credentials.h"
#include "hub/device_door.h"
#include "twin/apply.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace twinhub::gateway::amqp {

// What an identity shows, kept for the way to another loop.
struct Proof {
    std::string token;
    std::shared_ptr<X509> certificate;
    std::shared_ptr<STACK_OF_X509> chain;
    std::string auth_chain;  // when a gateway below which it is shows this; empty without
};
Proof proof_of(const Transport& transport, std::string_view token);

// The hub's side of one identity of a connection: lives on the loop of the identity's shard, while
// the connection lives on its own. Owned by the context of its loop, until leave().
class Delegate final : public hub::DeviceLink, public std::enable_shared_from_this<Delegate> {
public:
    Delegate(AmqpContext& home, TwinId id, std::string client, Way<AmqpConnection> connection);

    // Answers run on the connection's loop, in its turn; not at all when it has gone.
    template <class T>
    using Answer = std::move_only_function<void(AmqpConnection&, T)>;

    // Whether the proof is good now.
    void check(Proof proof, Answer<Result<Admission>> answer);
    // The same, and makes this the identity's link.
    void attach(Proof proof, hub::AttachFacts facts, Answer<Result<Admission>> answer);
    // The identity has no links any more; it may attach again.
    void detach(hub::SessionEnd why);
    // The connection has gone, or has done with the identity.
    void leave(hub::SessionEnd why);

    void read(Answer<Result<std::string>> answer);
    void report(twin::Patch patch, std::optional<std::uint64_t> base_version,
                Answer<Result<std::uint64_t>> answer);
    void note_activity();
    void name_model(const std::string& model_id);  // digital twin model, named with a link

    // Methods and messages, while attached.
    void takes_methods(bool takes);
    void method_answered(std::uint64_t number, int status, const std::string& payload);
    void want_messages(std::uint32_t credit);
    void settle_message(const std::string& lock_token, hub::Outcome outcome,
                        Answer<Result<>> answer);

private:
    // hub::DeviceLink
    void desired_changed(std::uint64_t version, std::string_view body) override;
    void invoke(std::uint64_t number, std::string_view name, std::string_view payload) override;
    void deliver(const hub::LockedMessage& message) override;
    void end(hub::LinkEnd reason) override;

    template <class T>
    void give(Answer<T> answer, T value);
    Task<> judge(std::shared_ptr<Delegate> self, Proof proof, std::optional<hub::AttachFacts> facts,
                 Answer<Result<Admission>> answer);
    Result<Admission> admit(const Proof& proof, const hub::Claimant& claimant,
                            const std::optional<Result<Superiors>>& superiors) const;

    AmqpContext& home_;
    TwinId id_;
    std::string client_;
    Way<AmqpConnection> connection_;
    std::shared_ptr<const hub::Identity> identity_;  // as it was when it attached
    bool attached_ = false;
    bool left_ = false;
};

}  // namespace twinhub::gateway::amqp
