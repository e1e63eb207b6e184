#pragma once

#include "base/time.h"
#include "protocol/amqp/condition.h"
#include "protocol/amqp/events.h"
#include "protocol/amqp/limits.h"
#include "protocol/amqp/sasl.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::amqp {

class Engine;

// One AMQP 1.0 connection of a server: bytes in, events and bytes out. SASL and the checks of
// FrameGate before, Qpid Proton's connection driver behind. No I/O, no clock.
class Driver {
public:
    // `container` is how we call ourselves.
    Driver(const Limits& limits, std::string container, SaslServer::Offer offer);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    // Appends to `events`. After Ended nothing more happens.
    void receive(std::span<const std::byte> bytes, Moment now, std::vector<Event>& events);
    // Heartbeats, and the end of a silent peer. Call at deadline().
    void tick(Moment now, std::vector<Event>& events);
    std::optional<Moment> deadline() const;

    // What is to be sent, appended; call after any other call.
    void take_output(std::string& out);

    // What PlainOffered, TpmAsked and TpmAnswered wait for.
    void decide_sasl(SaslOutcome outcome, Moment now, std::vector<Event>& events);
    void challenge_tpm(std::string_view key, Moment now, std::vector<Event>& events);
    // Somebody proved who they are: the limits of strangers no longer hold.
    void authorised();

    // To unknown or gone links, all of these do nothing.
    void accept(LinkNumber link);
    void refuse(LinkNumber link, const Condition& why);
    void detach(LinkNumber link, const Condition& why);
    // What becomes of a message that arrived; or of one that was sent and watched, when it cannot
    // be what the peer said.
    void settle(DeliveryNumber delivery, Outcome outcome, const Condition* why = nullptr);

    // What is settled so far goes out before what is sent from here on: Proton writes messages
    // first, and there are clients that take no answer to a request that is not settled yet.
    void settle_before();

    // Whether there is credit and room to send now; if not, a Sendable comes when there is.
    bool can_send(LinkNumber link);
    // Only after can_send. `tag` empty = any.
    DeliveryNumber send(LinkNumber link, std::string_view bytes, Settle settle,
                        std::string_view tag = {});
    // Credit that the peer has given and that is not used.
    std::uint32_t credit(LinkNumber link) const;
    // The peer's outcome is known: settles on our side, as the same outcome.
    void forget(DeliveryNumber delivery);

    void close(const Condition& why);
    void close();

    std::size_t links() const;
    std::size_t incomplete_bytes() const;

private:
    enum class Stage : std::uint8_t { header, sasl, tpm, deciding, header_again, amqp, ended };

    void feed(Moment now, std::vector<Event>& events);
    bool feed_sasl(std::vector<Event>& events);
    bool feed_tpm(std::vector<Event>& events);
    void end(EndReason reason, std::string why, std::vector<Event>& events);

    Limits limits_;
    Stage stage_ = Stage::header;
    SaslServer::Offer offer_;
    std::optional<TpmExchange> tpm_;
    bool authorised_ = false;
    std::string unread_;   // before the AMQP layer
    std::string written_;  // by the SASL layer
    std::string container_;
    std::unique_ptr<Engine> engine_;
};

}  // namespace twinhub::protocol::amqp
