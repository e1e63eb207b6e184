#include "protocol/amqp/driver.h"

#include "protocol/amqp/engine.h"

namespace twinhub::protocol::amqp {

Driver::Driver(const Limits& limits, std::string container, SaslServer::Offer offer)
    : limits_(limits), offer_(offer), container_(std::move(container)) {}

Driver::~Driver() = default;

void Driver::end(EndReason reason, std::string why, std::vector<Event>& events) {
    stage_ = Stage::ended;
    std::string().swap(unread_);
    events.emplace_back(Ended{reason, std::move(why)});
}

void Driver::receive(std::span<const std::byte> bytes, Moment now, std::vector<Event>& events) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (stage_ == Stage::ended) return;
    if (stage_ == Stage::amqp) return engine_->receive(text, now, events);
    unread_ += text;
    feed(now, events);
}

// The layers before AMQP; what is behind them goes on to the engine.
void Driver::feed(Moment now, std::vector<Event>& events) {
    while (true) {
        if (stage_ == Stage::header || stage_ == Stage::header_again) {
            const std::string_view seen = std::string_view(unread_).substr(0, amqp_header.size());
            const bool may_be_amqp = amqp_header.starts_with(seen);
            const bool may_be_sasl = stage_ == Stage::header && sasl_header.starts_with(seen);
            if (!may_be_amqp && !may_be_sasl) {
                // What we would have taken, as AMQP part 2 section 2.2 asks for.
                written_ += stage_ == Stage::header ? sasl_header : amqp_header;
                return end(EndReason::not_amqp, "not the header of AMQP 1.0", events);
            }
            if (seen.size() < amqp_header.size()) return;
            if (may_be_amqp) {
                stage_ = Stage::amqp;
                engine_ = std::make_unique<Engine>(limits_, container_);
                if (authorised_) engine_->authorised();
                std::string behind;
                behind.swap(unread_);
                return engine_->receive(behind, now, events);
            }
            unread_.erase(0, sasl_header.size());
            SaslServer(offer_).begin(written_);
            stage_ = Stage::sasl;
        }
        if (stage_ == Stage::deciding && unread_.size() > frame_bytes_max)
            return end(EndReason::limit_exceeded, "too much before the outcome", events);
        const bool goes_on = stage_ == Stage::sasl  ? feed_sasl(events)
                             : stage_ == Stage::tpm ? feed_tpm(events)
                                                    : false;
        if (!goes_on) return;
    }
}

// One frame of the SASL layer; whether there may be more to do.
bool Driver::feed_sasl(std::vector<Event>& events) {
    std::string_view rest = unread_;
    auto step = SaslServer(offer_).receive(rest, written_);
    if (!step) {
        end(EndReason::malformed, step.error().message, events);
        return false;
    }
    unread_.erase(0, unread_.size() - rest.size());
    if (std::holds_alternative<SaslServer::Waiting>(*step)) return false;
    if (std::holds_alternative<SaslServer::Failed>(*step)) {
        end(EndReason::sasl_failed, "no such mechanism", events);
        return false;
    }
    if (auto* plain = std::get_if<PlainCredentials>(&*step)) {
        stage_ = Stage::deciding;
        events.emplace_back(PlainOffered{std::move(*plain)});
    } else if (auto* exchange = std::get_if<TpmExchange>(&*step)) {
        stage_ = Stage::tpm;
        tpm_ = std::move(*exchange);
        SaslServer::challenge(tpm_->hello().bytes, written_);
    } else {
        stage_ = Stage::header_again;
    }
    return true;
}

// The same, once the client has chosen TPM.
bool Driver::feed_tpm(std::vector<Event>& events) {
    std::string_view rest = unread_;
    auto response = SaslServer::response(rest);
    if (!response) {
        end(EndReason::malformed, response.error().message, events);
        return false;
    }
    unread_.erase(0, unread_.size() - rest.size());
    if (!*response) return false;
    TpmExchange::Step step = tpm_->receive(**response);
    if (auto* challenge = std::get_if<TpmExchange::Challenge>(&step)) {
        SaslServer::challenge(challenge->bytes, written_);
    } else if (auto* asked = std::get_if<TpmExchange::Asked>(&step)) {
        stage_ = Stage::deciding;
        events.emplace_back(TpmAsked{std::move(asked->question)});
    } else if (auto* answered = std::get_if<TpmExchange::Answered>(&step)) {
        stage_ = Stage::deciding;
        events.emplace_back(TpmAnswered{std::move(answered->token)});
    } else {
        SaslServer::decide(SaslOutcome::auth, written_);
        end(EndReason::sasl_failed, "not the mechanism TPM", events);
        return false;
    }
    return true;
}

void Driver::challenge_tpm(std::string_view key, Moment now, std::vector<Event>& events) {
    if (stage_ != Stage::deciding || !tpm_) return;
    SaslServer::challenge(tpm_->challenge(key).bytes, written_);
    stage_ = Stage::tpm;
    feed(now, events);
}

void Driver::decide_sasl(SaslOutcome outcome, Moment now, std::vector<Event>& events) {
    if (stage_ != Stage::deciding) return;
    SaslServer::decide(outcome, written_);
    if (outcome != SaslOutcome::ok)
        return end(EndReason::sasl_failed, "the credential was refused", events);
    stage_ = Stage::header_again;
    feed(now, events);
}

void Driver::tick(Moment now, std::vector<Event>& events) {
    if (engine_) engine_->tick(now, events);
}

std::optional<Moment> Driver::deadline() const {
    return engine_ ? engine_->deadline() : std::nullopt;
}

void Driver::take_output(std::string& out) {
    out += written_;
    std::string().swap(written_);
    if (engine_) engine_->take_output(out);
}

void Driver::authorised() {
    authorised_ = true;
    if (engine_) engine_->authorised();
}

void Driver::accept(LinkNumber link) {
    if (engine_) engine_->accept(link);
}
void Driver::refuse(LinkNumber link, const Condition& why) {
    if (engine_) engine_->refuse(link, why);
}
void Driver::detach(LinkNumber link, const Condition& why) {
    if (engine_) engine_->detach(link, why);
}
void Driver::settle(DeliveryNumber delivery, Outcome outcome, const Condition* why) {
    if (engine_) engine_->settle(delivery, outcome, why);
}
void Driver::settle_before() {
    if (engine_) engine_->take_output(written_);
}
bool Driver::can_send(LinkNumber link) { return engine_ && engine_->can_send(link); }
DeliveryNumber Driver::send(LinkNumber link, std::string_view bytes, Settle settle,
                            std::string_view tag) {
    return engine_ ? engine_->send(link, bytes, settle, tag) : 0;
}
std::uint32_t Driver::credit(LinkNumber link) const { return engine_ ? engine_->credit(link) : 0; }
void Driver::forget(DeliveryNumber delivery) {
    if (engine_) engine_->forget(delivery);
}
void Driver::close(const Condition& why) {
    if (engine_) engine_->close(&why);
}
void Driver::close() {
    if (engine_) engine_->close(nullptr);
}

std::size_t Driver::links() const { return engine_ ? engine_->links() : 0; }
std::size_t Driver::incomplete_bytes() const {
    return unread_.size() + (engine_ ? engine_->incomplete_bytes() : 0);
}

}  // namespace twinhub::protocol::amqp
