#include "gateway/amqp/connection.h"

#include "gateway/amqp/cbs_node.h"
#include "gateway/amqp/delegate.h"
#include "gateway/amqp/provisioning_node.h"
#include "gateway/wire_error.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

namespace {

// So much is read before other connections of the loop get their turn.
constexpr int reads_per_turn = 4;

hub::SessionEnd session_end_of(CloseReason reason) {
    switch (reason) {
        case CloseReason::closed_by_peer: return hub::SessionEnd::client_closed;
        case CloseReason::connection_lost: return hub::SessionEnd::connection_lost;
        case CloseReason::expired: return hub::SessionEnd::token_expired;
        case CloseReason::idle: return hub::SessionEnd::timeout;
        case CloseReason::slow_consumer: return hub::SessionEnd::slow_consumer;
        case CloseReason::taken_over: return hub::SessionEnd::taken_over;
        case CloseReason::identity_gone: return hub::SessionEnd::credentials_changed;
        case CloseReason::shutting_down: return hub::SessionEnd::server_stopped;
        default: return hub::SessionEnd::protocol_error;
    }
}

CloseReason reason_of(wire::EndReason reason) {
    switch (reason) {
        case wire::EndReason::closed_by_peer: return CloseReason::closed_by_peer;
        case wire::EndReason::not_amqp: return CloseReason::not_amqp;
        case wire::EndReason::malformed: return CloseReason::malformed;
        case wire::EndReason::limit_exceeded: return CloseReason::limit_exceeded;
        case wire::EndReason::sasl_failed: return CloseReason::refused;
        case wire::EndReason::idle: return CloseReason::idle;
    }
    return CloseReason::malformed;
}

template <class... Calls>
struct Overloaded : Calls... {
    using Calls::operator()...;
};

}  // namespace

AmqpConnection::AmqpConnection(std::unique_ptr<Transport> transport, AmqpContext& context)
    : transport_(std::move(transport)),
      context_(&context),
      driver_(context.settings().limits, context.hub().settings().name,
              {.external = transport_->peer().has_certificate,
               .tpm = context.provisioning() != nullptr}),
      claims_(context.settings().identities_max),
      authorise_by_(context.hub().clock().monotonic() + context.settings().authorise_within) {}

AmqpConnection::~AmqpConnection() = default;

void AmqpConnection::start() {
    watch();
    read();
}

void AmqpConnection::stop() {
    if (closed_) return;
    const auto self = shared_from_this();
    driver_.close(
        {std::string(wire::condition::connection_forced), "The server is shutting down", {}});
    close(CloseReason::shutting_down);
}

// The nearest of: proving who it is, the end of a claim, heartbeats.
void AmqpConnection::watch() {
    if (closed_ || moving_) return;
    std::optional<Moment> next = driver_.deadline();
    const auto consider = [&next](Moment moment) {
        if (!next || moment < *next) next = moment;
    };
    if (!authorised_) consider(authorise_by_);
    if (certificate_speaks_at_) consider(*certificate_speaks_at_);
    const Moment now = context_->hub().clock().monotonic();
    const Instant today = context_->hub().clock().now();
    // Far expiries stay "never": a token may be good for fifty thousand years.
    constexpr std::chrono::days horizon{3650};
    const auto consider_end = [&](Instant end) {
        if (end != Instant::max() && end - today < horizon)
            consider(now + std::chrono::duration_cast<Moment::duration>(end - today) +
                     context_->settings().sas_grace);
    };
    for (const Claim& claim : claims_.all()) consider_end(claim.expires);
    for (const auto& [id, seat] : seats_)
        if (seat->state == Seat::State::attached) consider_end(seat->certificate_ends);
    if (next) context_->deadlines().schedule(*this, *next);
    else cancel();
}

void AmqpConnection::expired(Moment now) {
    turn([&] {
        driver_.tick(now, events_);
        run_events();
        if (closed_) return;
        if (!authorised_ && now >= authorise_by_) {
            driver_.close({std::string(wire::condition::unauthorized),
                           "Nobody proved who they are in time",
                           {}});
            return close(CloseReason::not_authorised);
        }
        if (certificate_speaks_at_ && now >= *certificate_speaks_at_) {
            certificate_speaks_at_.reset();
            if (!settled_ && !authorised_) connect_by_certificate();
        }
        expire_claims(context_->hub().clock().now());
    });
    watch();
}

bool AmqpConnection::is_congested() const {
    return unanswered_ >= context_->settings().unanswered_max ||
           transport_->unsent() > context_->settings().unsent_pause_bytes;
}

void AmqpConnection::wait_readable() {
    if (closed_ || waiting_ || moving_) return;
    if (is_congested()) {
        if (!paused_) context_->metrics().paused.Increment();
        paused_ = true;
        // What it is owed comes with commits; what it does not take comes with the socket.
        if (transport_->unsent() > 0)
            transport_->wait_sent([weak = weak_from_this()] {
                const auto self = weak.lock();
                if (!self || self->closed_) return;
                self->paused_ = false;
                self->wait_readable();
            });
        return;
    }
    paused_ = false;
    waiting_ = true;
    transport_->wait_readable([this] {
        waiting_ = false;
        read();
    });
}

void AmqpConnection::read() {
    const auto self = shared_from_this();
    in_turn_ = true;
    for (int turns = 0; turns < reads_per_turn && !closed_ && !moving_ && !is_congested();
         ++turns) {
        const Result<std::size_t> count = transport_->read_some(context_->input);
        if (!count) {
            in_turn_ = false;
            return close(CloseReason::connection_lost);
        }
        if (*count == 0) break;
        driver_.receive(std::span<const std::byte>(context_->input).first(*count),
                        context_->hub().clock().monotonic(), events_);
        run_events();
    }
    end_turn();
    if (!closed_) watch();
}

void AmqpConnection::run_events() {
    while (next_event_ < events_.size() && !closed_ && !moving_) {
        wire::Event event = std::move(events_[next_event_++]);
        handle(event);
    }
    if (next_event_ == events_.size()) {
        events_ = {};
        next_event_ = 0;
    }
}

void AmqpConnection::handle(wire::Event& event) {
    std::visit(Overloaded{
                   [this](wire::PlainOffered& offered) { plain_offered(offered.credentials); },
                   [this](wire::TpmAsked& asked) { tpm_asked(asked.question); },
                   [this](wire::TpmAnswered& answered) { tpm_answered(std::move(answered.token)); },
                   [this](wire::Opened&) {
                       if (transport_->certificate() != nullptr && !authorised_)
                           certificate_speaks_at_ = context_->hub().clock().monotonic() +
                                                    context_->settings().certificate_waits;
                   },
                   [this](wire::LinkOffered& offer) { link_offered(offer); },
                   [this](wire::Arrived& message) {
                       const auto found = links_.find(message.link);
                       if (found == links_.end()) return;
                       const std::shared_ptr<AmqpLink> link = found->second.link;
                       if (Seat* seat = found->second.seat; seat != nullptr)
                           seat->delegate.call(here(), [](Delegate& d) { d.note_activity(); });
                       link->arrived(message);
                   },
                   [this](wire::Settled& settled) {
                       const auto found = links_.find(settled.link);
                       if (found == links_.end()) return;
                       const std::shared_ptr<AmqpLink> link = found->second.link;
                       link->settled(settled);
                   },
                   [this](wire::Sendable& sendable) {
                       const auto found = links_.find(sendable.link);
                       if (found == links_.end()) return;
                       const std::shared_ptr<AmqpLink> link = found->second.link;
                       link->sendable(sendable.link);
                   },
                   [this](wire::LinkGone& gone) { link_gone(gone.link); },
                   [this](wire::Ended& end) {
                       context_->hub().log().debug(
                           "amqp.ended",
                           {{"client", transport_->peer().address}, {"reason", end.why}});
                       close(reason_of(end.reason));
                   },
               },
               event);
}

void AmqpConnection::end_turn() {
    in_turn_ = false;
    if (closed_ || moving_) return;
    flush();
    if (closed_) return;
    if (!waiting_ && (!paused_ || !is_congested())) wait_readable();
}

void AmqpConnection::flush() {
    std::string& output = context_->output;
    driver_.take_output(output);
    if (output.empty()) return;
    transport_->write(output);
    output.clear();
    if (transport_->unsent() > context_->settings().unsent_close_bytes)
        close(CloseReason::slow_consumer);
}

void AmqpConnection::settle_on(const TwinId& id, std::move_only_function<void()> then) {
    AmqpContext& home = context_->of(id);
    if (settled_ || &home == context_) {
        settled_ = true;
        return then();
    }
    settled_ = true;
    flush();
    if (closed_) return;
    const auto self = shared_from_this();
    moving_ = true;
    resume_ = std::move(then);
    cancel();
    context_->connections().release(self);
    asio::post(here(), [self, &home] {
        // The turn that began it is over: nothing on the old loop refers to us any more.
        self->context_ = &home;
        self->transport_->move_to(home.executor());
        asio::post(home.executor(), [self] {
            self->moving_ = false;
            self->context_->connections().adopt(self);
            if (self->closed_) return;
            self->in_turn_ = true;
            std::exchange(self->resume_, {})();
            self->run_events();
            self->end_turn();
            self->watch();
        });
    });
}

void AmqpConnection::close(CloseReason reason) {
    if (closed_) return;
    const auto self = shared_from_this();
    // The last words, a detach or a close with its reason, go out first.
    std::string& output = context_->output;
    driver_.take_output(output);
    if (!output.empty()) transport_->write(output);
    output.clear();
    closed_ = true;
    cancel();
    for (auto& [id, seat] : seats_)
        seat->delegate.call(
            here(), [why = session_end_of(reason)](Delegate& delegate) { delegate.leave(why); });
    context_->metrics().links.Decrement(static_cast<double>(links_.size()));
    const auto links = std::exchange(links_, {});
    for (const auto& [number, open] : links) open.link->gone(number);
    context_->metrics().closed(reason);
    context_->metrics().connections.Decrement();
    transport_->close();
    // The caller may still be in a method of ours: let go at the end of the turn.
    asio::post(here(), [self] { self->context_->connections().release(self); });
}

std::string AmqpConnection::tracking_id() { return context_->hub().random().hex(16); }

std::string AmqpConnection::error_body(const Error& error) {
    return device_error(error, context_->hub().random(), context_->hub().clock().now());
}

}  // namespace twinhub::gateway::amqp
