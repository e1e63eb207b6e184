// A whole AMQP connection: the bytes come in two pieces whose border the first byte chooses, and
// the owner attaches whoever asks, reads every message and answers it.
#include "base/result.h"
#include "protocol/amqp/address.h"
#include "protocol/amqp/cbs.h"
#include "protocol/amqp/driver.h"
#include "protocol/amqp/method_messages.h"
#include "protocol/amqp/telemetry.h"
#include "protocol/amqp/twin_messages.h"

#include <cstddef>
#include <cstdint>

namespace amqp = twinhub::protocol::amqp;

namespace {

class Owner {
public:
    void feed(std::span<const std::uint8_t> bytes) {
        driver_.receive(std::as_bytes(bytes), now_, events_);
        perform();
    }

    void finish() {
        now_ += std::chrono::minutes{10};
        driver_.tick(now_, events_);
        perform();
        driver_.close();
        driver_.take_output(out_);
        CHECK(driver_.incomplete_bytes() <=
              limits_.incomplete_bytes + amqp::frame_bytes_max + limits_.message_bytes);
    }

private:
    void perform() {
        for (std::size_t i = 0; i < events_.size() && i < 10'000; ++i) {
            amqp::Event event = std::move(events_[i]);
            if (std::get_if<amqp::PlainOffered>(&event) != nullptr ||
                std::get_if<amqp::TpmAnswered>(&event) != nullptr) {
                driver_.decide_sasl(amqp::SaslOutcome::ok, now_, events_);
            } else if (std::get_if<amqp::TpmAsked>(&event) != nullptr) {
                driver_.challenge_tpm(std::string(700, 'k'), now_, events_);
            } else if (const auto* offer = std::get_if<amqp::LinkOffered>(&event)) {
                const auto address = amqp::parse_address(offer->address);
                if (address.endpoint == amqp::Endpoint::unknown)
                    driver_.refuse(offer->link, {"amqp:not-found", "x", {}});
                else driver_.accept(offer->link);
                if (!offer->sends_to_us) answers_ = offer->link;
            } else if (const auto* message = std::get_if<amqp::Arrived>(&event)) {
                answer(*message);
            } else if (const auto* settled = std::get_if<amqp::Settled>(&event)) {
                driver_.forget(settled->delivery);
            }
        }
        events_.clear();
        driver_.take_output(out_);
        out_.clear();
    }

    void answer(const amqp::Arrived& arrived) {
        (void)amqp::read_telemetry(arrived.bytes, arrived.format);
        const auto message = amqp::decode_message(arrived.bytes);
        if (!message) {
            const amqp::Condition why{"amqp:decode-error", message.error().message, {}};
            return driver_.settle(arrived.delivery, amqp::Outcome::rejected, &why);
        }
        driver_.settle(arrived.delivery, amqp::Outcome::accepted);
        (void)amqp::read_put_token(*message);
        (void)amqp::read_method_answer(*message);
        const auto request = amqp::read_twin_request(*message);
        if (!driver_.can_send(answers_)) return;
        std::string bytes;
        amqp::append_message(
            bytes, amqp::twin_response(message->correlation_id, request ? 200 : 400, {}, "{}"));
        driver_.send(answers_, bytes, amqp::Settle::watched);
    }

    twinhub::Moment now_{std::chrono::hours{1}};
    amqp::Limits limits_{.message_bytes = 100'000, .incomplete_bytes = 200'000};
    amqp::Driver driver_{limits_, "hub", {.external = true, .tpm = true}};
    std::vector<amqp::Event> events_;
    amqp::LinkNumber answers_ = 0;
    std::string out_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span<const std::uint8_t> bytes(data + 1, size - 1);
    const std::size_t border = bytes.size() * data[0] / 256;
    Owner owner;
    owner.feed(bytes.first(border));
    owner.feed(bytes.subspan(border));
    owner.finish();
    return 0;
}
