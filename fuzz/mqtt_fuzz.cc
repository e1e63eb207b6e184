// A whole MQTT connection: the bytes come in two pieces whose border the first byte chooses, and
// the owner accepts whoever asks and answers every request.
#include "base/result.h"
#include "protocol/mqtt/session.h"

#include <cstddef>
#include <cstdint>

namespace mqtt = twinhub::protocol::mqtt;

namespace {

// Reads every byte that an event shows, for the sanitizer to see a view that outlives its bytes.
std::size_t touch(std::string_view text) {
    std::size_t sum = 0;
    for (const char c : text) sum += static_cast<unsigned char>(c);
    return sum;
}

class Owner {
public:
    explicit Owner(const mqtt::Limits& limits) : session_(limits, now_) {}

    void feed(std::span<const std::uint8_t> bytes) {
        const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
        session_.receive(std::as_bytes(std::span(copy)), now_, out_, events_);
        perform();
    }

    void finish() {
        session_.desired_changed(2, "{}", out_);
        session_.method_request("reboot", "1", "{}", out_);
        session_.tick(session_.deadline(), out_, events_);
        session_.end(mqtt::CloseReason::connection_lost, events_);
        CHECK(session_.is_closed());
        check_output();
    }

private:
    void perform() {
        bool authenticate = false;
        std::size_t sum = 0;
        for (const mqtt::Event& event : events_.list) {
            if (const auto* get = std::get_if<mqtt::GetTwin>(&event)) {
                session_.twin_response(get->rid, 200, {}, "{}", out_);
            } else if (const auto* report = std::get_if<mqtt::Report>(&event)) {
                sum += touch(report->payload);
                session_.twin_response(report->rid, 204, 7, "", out_);
            } else if (const auto* message = std::get_if<mqtt::Telemetry>(&event)) {
                sum += touch(message->payload) + mqtt::properties_of(*message).size();
            } else if (const auto* response = std::get_if<mqtt::MethodResponse>(&event)) {
                sum += touch(response->rid) + touch(response->payload);
            } else if (std::get_if<mqtt::SubscriptionsChanged>(&event)) {
                for (; session_.message_room() > 0 && next_message_ % 8 != 7; ++next_message_)
                    session_.cloud_message(
                        next_message_,
                        mqtt::make_device_bound_topic(session_.identity().device, {}), "hi", false,
                        out_);
                ++next_message_;
            } else if (std::get_if<mqtt::Authenticate>(&event)) {
                authenticate = true;
            }
        }
        asm volatile("" : : "r"(sum));  // or the reading would be optimised away
        events_.clear();
        if (authenticate) {
            session_.accept({}, now_, out_, events_);
            perform();
        }
    }

    // What the hub sends is whole packets that a client can read.
    void check_output() {
        mqtt::Decoder decoder(1 << 20);
        mqtt::HeldBytes held;
        const auto fault = decoder.feed(std::as_bytes(std::span(out_)), held,
                                        [](const mqtt::Packet&) { return true; });
        CHECK(!fault && decoder.held_bytes() == 0);
    }

    twinhub::Moment now_{};
    mqtt::Session session_;
    std::string out_;
    mqtt::Events events_;
    std::uint64_t next_message_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const mqtt::Limits limits{.connect_bytes = 4096,
                              .packet_bytes = 8192,
                              .message_bytes = 4096,
                              .pipelined_bytes = 8192};
    Owner owner(limits);
    const std::span<const std::uint8_t> bytes(data + 1, size - 1);
    const std::size_t border = std::min<std::size_t>(data[0], bytes.size());
    owner.feed(bytes.first(border));
    owner.feed(bytes.subspan(border));
    owner.finish();
    return 0;
}
