#pragma once

#include "base/time.h"
#include "protocol/mqtt/close_reason.h"
#include "protocol/mqtt/decoder.h"
#include "protocol/mqtt/limits.h"
#include "protocol/mqtt/packet.h"
#include "protocol/mqtt/provisioning_name.h"
#include "protocol/mqtt/subscription.h"
#include "protocol/mqtt/topic.h"
#include "protocol/mqtt/user_name.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace twinhub::protocol::mqtt {

// Things a session asks its owner to do, in order. Views point into the bytes given to receive()
// and into the Events object: they are valid until either is changed.

// Check the credential, then call accept() or refuse(). Until then nothing else is asked for.
struct Authenticate {
    UserName user;
    std::string password;  // SAS token; empty when a client certificate has to do
    bool clean_session = false;
    std::chrono::seconds keep_alive{0};  // as the client said
};

// The device asks the provisioning service, not the hub: this session is over, a
// ProvisioningSession goes on with what came behind the CONNECT.
struct Provision {
    ProvisioningName name;
    std::string password;
    std::chrono::seconds keep_alive{0};
    std::vector<char> unread;
};

// Answer with twin_response(). GETs and reports are to be executed in the order they come.
struct GetTwin {
    std::string_view rid;
};
struct Report {
    std::string_view rid;
    std::optional<std::uint64_t> base_version;
    std::string_view payload;
};

// A device-to-cloud message; acknowledged already.
struct Telemetry {
    std::string_view bag;  // of the topic, still encoded
    std::string_view payload;
    bool retain = false;
};
// The decoded bag, and `mqtt-retain` = `true` for a retained one (spec device-protocols 1.8).
Properties properties_of(const Telemetry& message);

struct MethodResponse {
    int status = 0;
    std::string_view rid;
    std::string_view payload;
};

// The device has taken the message with this key.
struct Acknowledged {
    std::uint64_t key = 0;
};

// To be kept for the identity when clean session is 0. The SUBACK is written already.
struct SubscriptionsChanged {
    Subscriptions now;
};

// Telemetry for the case that the connection ends without DISCONNECT; owns its bytes.
struct Will {
    std::string bag;
    std::string payload;
    bool retain = false;
};
// As Telemetry's, and `iothub-MessageType` = `Will` (1.5).
Properties properties_of(const Will& will);

// Send what is in `out`, then close. Always the last event of a session.
struct Close {
    CloseReason reason = CloseReason::connection_lost;
    std::optional<Will> will;  // publish it, as telemetry
};

using Event = std::variant<Authenticate, Provision, GetTwin, Report, Telemetry, MethodResponse,
                           Acknowledged, SubscriptionsChanged, Close>;

// Filled by a session's calls; one can serve all sessions of a loop. clear() it between batches:
// it keeps the memory of the list, and frees the packets that arrived in pieces.
struct Events {
    std::vector<Event> list;
    HeldBytes held;

    void clear() {
        list.clear();
        held.clear();
    }
};

struct AcceptFacts {
    bool session_present = false;
    Subscriptions restored;          // what the stored session was subscribed to
    Moment expires = Moment::max();  // when to close for the credential's sake
};

// One MQTT connection seen from the hub (spec device-protocols 1 to 3): bytes and decisions in,
// bytes and events out. Owns no socket and no timer: call tick() when deadline() has passed. All
// output is appended to `out`, which has to reach the peer in order. Once a Close event was made
// every call is without effect. Small, and without heap memory while idle.
class Session {
public:
    // `limits` must outlive the session.
    Session(const Limits& limits, Moment now);

    void receive(std::span<const std::byte> bytes, Moment now, std::string& out, Events& events);

    // Answers to Authenticate. accept() goes on with the packets that came behind the CONNECT.
    void accept(AcceptFacts facts, Moment now, std::string& out, Events& events);
    void refuse(ConnectCode code, std::string& out, Events& events);

    // The answer to a GetTwin or Report; `version` only for a report that was taken. Dropped when
    // the device did not subscribe to answers.
    void twin_response(std::string_view rid, int status, std::optional<std::uint64_t> version,
                       std::string_view body, std::string& out);
    // False when not subscribed: nothing was written, and nothing is kept for later.
    bool desired_changed(std::uint64_t version, std::string_view body, std::string& out);
    bool method_request(std::string_view name, std::string_view rid, std::string_view body,
                        std::string& out);

    // A message to the device, with the quality that its subscription was granted. `key` is the
    // caller's name for it; `topic` from make_device_bound_topic; `again` when it may have been
    // sent before. Waiting for its acknowledgement, it may be sent once more.
    enum class Delivery : std::uint8_t { refused, sent, unacknowledged };
    Delivery cloud_message(std::uint64_t key, std::string_view topic, std::string_view payload,
                           bool again, std::string& out);
    // How many further messages to the device may be sent.
    std::size_t message_room() const;

    // Closes when the deadline has passed.
    void tick(Moment now, std::string& out, Events& events);
    Moment deadline() const;

    // Ends it from our side, or because the transport ended: makes the Close event, with the will.
    void end(CloseReason reason, Events& events);

    const TwinId& identity() const { return identity_; }  // empty until Authenticate
    const Subscriptions& subscriptions() const { return subscriptions_; }
    bool is_open() const { return state_ == State::open; }
    bool is_closed() const { return state_ == State::closed; }
    // Better read no more from the peer for now: it is owed many answers, or is being
    // authenticated.
    bool congested() const;

private:
    enum class State : std::uint8_t { awaiting_connect, authenticating, open, leaving, closed };
    struct Turn;  // the arguments of one call

    void read(std::span<const std::byte> bytes, Turn& turn);
    void handle(const Packet& packet, Turn& turn);
    void on(const Connect& packet, Turn& turn);
    void on(const Publish& packet, Turn& turn);
    void on(const Subscribe& packet, Turn& turn);
    void on(const Unsubscribe& packet, Turn& turn);
    void turn_away(ConnectCode code, CloseReason reason, Turn& turn);
    void on(const PubAck& packet, Turn& turn);
    std::uint8_t grant(const FilterRequest& request);
    bool send(std::string_view topic, std::string_view payload, std::string& out);

    struct Unacknowledged {
        std::uint64_t key = 0;
        std::uint16_t packet_id = 0;
    };
    std::uint16_t next_packet_id();

    const Limits* limits_;
    Decoder decoder_;
    TwinId identity_;
    Subscriptions subscriptions_;
    std::unique_ptr<Will> will_;
    Moment silence_deadline_;
    Moment expires_ = Moment::max();
    std::chrono::milliseconds keep_alive_{0};
    std::vector<Unacknowledged> unacknowledged_;
    std::uint32_t unanswered_ = 0;
    std::uint16_t last_packet_id_ = 0;
    State state_ = State::awaiting_connect;
};

}  // namespace twinhub::protocol::mqtt
