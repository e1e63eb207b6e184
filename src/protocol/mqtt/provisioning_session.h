#pragma once

#include "base/time.h"
#include "protocol/mqtt/close_reason.h"
#include "protocol/mqtt/decoder.h"
#include "protocol/mqtt/limits.h"
#include "protocol/mqtt/packet.h"
#include "protocol/mqtt/provisioning_name.h"
#include "protocol/mqtt/provisioning_topic.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace twinhub::protocol::mqtt {

// What a provisioning session asks its owner to do, in order. Views live as those of Events.
struct AskProvisioning {
    ProvisioningRequest request;
    std::string_view payload;
};
struct EndProvisioning {
    CloseReason reason = CloseReason::connection_lost;
};
using ProvisioningEvent = std::variant<AskProvisioning, EndProvisioning>;
struct ProvisioningEvents {
    std::vector<ProvisioningEvent> list;
    HeldBytes held;
    void clear() {
        list.clear();
        held.clear();
    }
};

// One MQTT connection to the provisioning service, from behind its CONNECT (spec device-protocols
// 7.2): bytes in, bytes and events out; owns no socket and no timer. A device is let in at once,
// and told with the answer to its request when its credential is not good. For .NET, which takes no
// other order: each PUBLISH is acknowledged before it is answered, each request gets one answer, an
// answer has QoS 1 and a packet id, and nothing comes unasked.
class ProvisioningSession {
public:
    // Writes the CONNACK.
    ProvisioningSession(const Limits& limits, std::chrono::seconds keep_alive, Moment now,
                        std::string& out);

    void receive(std::span<const std::byte> bytes, Moment now, std::string& out,
                 ProvisioningEvents& events);

    // The answer to an AskProvisioning; dropped when the device did not subscribe to answers.
    void answer(std::string_view rid, int status, std::chrono::seconds retry_after,
                std::string_view body, std::string& out);
    // The device proved itself: it may stay as long as it keeps alive.
    void proved() { unproved_until_ = Moment::max(); }

    void tick(Moment now, ProvisioningEvents& events);
    Moment deadline() const;
    bool is_closed() const { return closed_; }
    // Better read no more for now: it is owed answers.
    bool congested() const { return unanswered_ >= unanswered_max; }

    static constexpr std::uint32_t unanswered_max = 8;
    static constexpr std::chrono::seconds unproved_max{60};

private:
    void handle(const Packet& packet, Moment now, std::string& out, ProvisioningEvents& events);
    void on(const Publish& packet, std::string& out, ProvisioningEvents& events);
    void on(const Subscribe& packet, std::string& out);
    void on(const Unsubscribe& packet, std::string& out);
    void end(CloseReason reason, ProvisioningEvents& events);

    Decoder decoder_;
    std::chrono::milliseconds silence_max_;
    Moment silent_until_;
    Moment unproved_until_;
    std::optional<Qos> granted_;  // for answers, when subscribed
    std::uint32_t unanswered_ = 0;
    std::uint16_t last_packet_id_ = 0;
    bool closed_ = false;
};

}  // namespace twinhub::protocol::mqtt
