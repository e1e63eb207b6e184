#include "protocol/amqp/engine.h"

#include "base/result.h"
#include "protocol/amqp/sasl.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>
#include <proton/logger.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <array>

namespace twinhub::protocol::amqp {
namespace {

// Bytes of a session that Proton may hold because the peer's window is closed.
constexpr std::size_t session_unsent_bytes_max = 64 * 1024;
// Frames that a peer may send on a session before we have read them: all are read at once.
constexpr std::size_t session_window_frames = 256;
constexpr std::size_t delivery_tag_bytes_max = 32;  // AMQP part 2, section 2.8.7

std::uint64_t state_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::none: return 0;
        case Outcome::accepted: return PN_ACCEPTED;
        case Outcome::rejected: return PN_REJECTED;
        case Outcome::released: return PN_RELEASED;
        case Outcome::modified: return PN_MODIFIED;
    }
    return 0;
}

Outcome outcome_of(std::uint64_t state) {
    switch (state) {
        case PN_ACCEPTED: return Outcome::accepted;
        case PN_REJECTED: return Outcome::rejected;
        case PN_RELEASED: return Outcome::released;
        case PN_MODIFIED: return Outcome::modified;
        default: return Outcome::none;
    }
}

void set(pn_condition_t* to, const Condition& why) {
    pn_condition_set_name(to, why.name.c_str());
    pn_condition_set_description(to, why.description.c_str());
    if (why.info.empty()) return;
    std::string encoded;
    append_map(encoded, why.info, Keys::symbols);
    pn_data_decode(pn_condition_info(to), encoded.data(), encoded.size());
}

Fields fields_of(pn_data_t* data) {
    if (data == nullptr || pn_data_size(data) == 0) return {};
    pn_data_rewind(data);
    const ssize_t size = pn_data_encoded_size(data);
    if (size <= 0) return {};
    std::string encoded(static_cast<std::size_t>(size), '\0');
    if (pn_data_encode(data, encoded.data(), encoded.size()) < 0) return {};
    Reader reader(encoded);
    return reader.fields().value_or(Fields{});
}

std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }

void* as_context(std::uint64_t number) { return reinterpret_cast<void*>(number); }
std::uint64_t as_number(void* context) { return reinterpret_cast<std::uint64_t>(context); }

std::int64_t milliseconds(Moment moment) {
    // Proton takes 0 for "not known".
    return std::chrono::duration_cast<std::chrono::milliseconds>(moment.time_since_epoch())
               .count() +
           1;
}

}  // namespace

Engine::Engine(const Limits& limits, const std::string& container) : limits_(limits) {
    CHECK(pn_connection_driver_init(&driver_, nullptr, nullptr) == 0);
    pn_transport_t* transport = driver_.transport;
    // Nothing of a peer goes to a log.
    pn_logger_set_log_sink(
        pn_transport_logger(transport),
        [](intptr_t, pn_log_subsystem_t, pn_log_level_t, const char*) {}, 0);
    pn_logger_reset_mask(pn_transport_logger(transport), PN_SUBSYSTEM_ALL, PN_LEVEL_ALL);
    pn_transport_set_server(transport);
    pn_transport_set_max_frame(transport, frame_bytes_max);
    pn_transport_set_channel_max(transport, static_cast<std::uint16_t>(limits.sessions - 1));
    // Proton advertises half of what it enforces.
    pn_transport_set_idle_timeout(transport, static_cast<pn_millis_t>(limits.idle.count() * 2));
    pn_connection_set_container(driver_.connection, container.c_str());
}

Engine::~Engine() { pn_connection_driver_destroy(&driver_); }

Engine::Link* Engine::find(LinkNumber link) {
    const auto found = links_.find(link);
    return found == links_.end() || found->second.gone ? nullptr : &found->second;
}

const Engine::Link* Engine::find(LinkNumber link) const {
    const auto found = links_.find(link);
    return found == links_.end() || found->second.gone ? nullptr : &found->second;
}

void Engine::end(EndReason reason, const Condition& why, std::vector<Event>& events) {
    if (ended_) return;
    ended_ = true;
    if (!why.name.empty()) close(&why);
    events.emplace_back(Ended{reason, why.description});
}

void Engine::receive(std::string_view bytes, Moment now, std::vector<Event>& events) {
    if (ended_) return;
    if (header_left_ > 0) {
        const std::size_t taken = std::min(header_left_, bytes.size());
        header_left_ -= taken;
        if (!push(bytes.substr(0, taken), events)) return;
        bytes.remove_prefix(taken);
    }
    const auto passed = gate_.receive(bytes, [&](std::string_view frame, const FrameFacts& facts) {
        message_format_ = facts.message_format;
        return push(frame, events);
    });
    if (!passed)
        end(EndReason::malformed, {std::string(condition::framing), passed.error().message, {}},
            events);
    if (ended_) return;
    if (blocked_ > 0)
        for (auto& [number, link] : links_)
            if (link.blocked && !link.gone && has_room(link)) {
                link.blocked = false;
                --blocked_;
                events.emplace_back(Sendable{number});
            }
    schedule(now);
}

bool Engine::push(std::string_view bytes, std::vector<Event>& events) {
    while (!bytes.empty()) {
        const ssize_t taken = pn_transport_push(driver_.transport, bytes.data(), bytes.size());
        pump(events);
        if (ended_) return false;
        if (taken <= 0) {
            end(EndReason::malformed, {}, events);
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
    return true;
}

void Engine::tick(Moment now, std::vector<Event>& events) {
    if (ended_) return;
    const std::int64_t at = milliseconds(now);
    pn_transport_tick(driver_.transport, at);
    pn_event_t* event = nullptr;
    while ((event = pn_connection_driver_next_event(&driver_)) != nullptr) {
        // All that time alone can bring is the end of a silent peer.
        if (pn_event_type(event) == PN_TRANSPORT_ERROR && !ended_) {
            ended_ = true;
            events.emplace_back(Ended{EndReason::idle, "nothing came in time"});
        } else if (!ended_) {
            handle(event, events);
        }
    }
    schedule(now);
}

void Engine::schedule(Moment now) {
    if (!opened_) return;
    const std::int64_t at = milliseconds(now);
    const std::int64_t next = pn_transport_tick(driver_.transport, at);
    if (next == 0) deadline_.reset();
    else deadline_ = now + std::chrono::milliseconds(std::max<std::int64_t>(next - at, 1));
}

void Engine::take_output(std::string& out) {
    for (auto& [number, link] : links_)
        if (link.drains && !link.blocked && !link.gone) {
            link.drains = false;
            pn_link_drained(link.link);
        }
    while (true) {
        const pn_bytes_t bytes = pn_connection_driver_write_buffer(&driver_);
        if (bytes.size == 0) return;
        out.append(bytes.start, bytes.size);
        pn_connection_driver_write_done(&driver_, bytes.size);
    }
}

void Engine::pump(std::vector<Event>& events) {
    pn_event_t* event = nullptr;
    while (!ended_ && (event = pn_connection_driver_next_event(&driver_)) != nullptr)
        handle(event, events);
}

void Engine::handle(pn_event_t* event, std::vector<Event>& events) {
    switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
            pn_connection_open(driver_.connection);
            opened_ = true;
            events.emplace_back(
                Opened{text_or_empty(pn_connection_remote_hostname(driver_.connection)),
                       text_or_empty(pn_connection_remote_container(driver_.connection))});
            return;
        case PN_CONNECTION_REMOTE_CLOSE:
            pn_connection_close(driver_.connection);
            ended_ = true;
            events.emplace_back(Ended{EndReason::closed_by_peer, {}});
            return;
        case PN_SESSION_REMOTE_OPEN: return session_opened(pn_event_session(event), events);
        case PN_SESSION_REMOTE_CLOSE: return session_closed(pn_event_session(event), events);
        case PN_LINK_REMOTE_OPEN: return link_opened(pn_event_link(event), events);
        case PN_LINK_REMOTE_DETACH: return link_closed(pn_event_link(event), false, events);
        case PN_LINK_REMOTE_CLOSE: return link_closed(pn_event_link(event), true, events);
        case PN_LINK_FLOW: return link_flow(pn_event_link(event), events);
        case PN_DELIVERY: return delivery_changed(pn_event_delivery(event), events);
        case PN_TRANSPORT_ERROR:
            ended_ = true;
            events.emplace_back(
                Ended{EndReason::malformed, text_or_empty(pn_condition_get_description(
                                                pn_transport_condition(driver_.transport)))});
            return;
        default: return;
    }
}

void Engine::session_opened(pn_session_t* session, std::vector<Event>& events) {
    if (++sessions_ > (strangers_ ? limits_.sessions_of_strangers : limits_.sessions))
        return end(EndReason::limit_exceeded,
                   {std::string(condition::limit_exceeded), "Too many sessions", {}}, events);
    pn_session_set_incoming_capacity(session, session_window_frames * frame_bytes_max);
    pn_session_set_context(session, as_context(++last_session_));
    pn_session_open(session);
}

void Engine::session_closed(pn_session_t* session, std::vector<Event>& events) {
    const auto number = static_cast<SessionNumber>(as_number(pn_session_get_context(session)));
    for (auto it = links_.begin(); it != links_.end();) {
        Link& link = it->second;
        if (link.session != number) {
            ++it;
            continue;
        }
        if (!link.gone) events.emplace_back(LinkGone{link.number});
        let_go(link);
        pn_link_set_context(link.link, nullptr);
        pn_link_close(link.link);
        pn_link_free(link.link);
        it = links_.erase(it);
    }
    --sessions_;
    pn_session_close(session);
    pn_session_free(session);
}

void Engine::link_opened(pn_link_t* opened, std::vector<Event>& events) {
    if (links_.size() >= (strangers_ ? limits_.links_of_strangers : limits_.links))
        return end(EndReason::limit_exceeded,
                   {std::string(condition::limit_exceeded), "Too many links", {}}, events);
    Link& link = links_[++last_link_];
    link.number = last_link_;
    link.session =
        static_cast<SessionNumber>(as_number(pn_session_get_context(pn_link_session(opened))));
    link.link = opened;
    pn_link_set_context(opened, &link);
    LinkOffered offer;
    offer.link = link.number;
    offer.session = link.session;
    offer.sends_to_us = pn_link_is_receiver(opened);
    offer.settled = pn_link_remote_snd_settle_mode(opened) == PN_SND_SETTLED;
    pn_terminus_t* terminus =
        offer.sends_to_us ? pn_link_remote_target(opened) : pn_link_remote_source(opened);
    if (!pn_terminus_is_dynamic(terminus))
        offer.address = text_or_empty(pn_terminus_get_address(terminus));
    offer.properties = fields_of(pn_link_remote_properties(opened));
    events.emplace_back(std::move(offer));
}

void Engine::let_go(Link& link) {
    incomplete_bytes_ -= link.partial.size();
    std::string().swap(link.partial);
    if (link.blocked) --blocked_;
    link.blocked = false;
    std::erase_if(deliveries_, [&](auto& item) {
        if (item.second.link != link.number) return false;
        pn_delivery_set_context(item.second.delivery, nullptr);
        pn_delivery_settle(item.second.delivery);
        return true;
    });
    link.unsettled = 0;
    link.gone = true;
}

void Engine::link_closed(pn_link_t* closed, bool for_good, std::vector<Event>& events) {
    auto* link = static_cast<Link*>(pn_link_get_context(closed));
    if (link != nullptr) {
        if (!link->gone) events.emplace_back(LinkGone{link->number});
        let_go(*link);
        links_.erase(link->number);
    }
    pn_link_set_context(closed, nullptr);
    if (for_good) pn_link_close(closed);
    else pn_link_detach(closed);
    pn_link_free(closed);
}

bool Engine::has_room(const Link& link) const {
    return pn_link_credit(link.link) > 0 && link.unsettled < limits_.unsettled &&
           pn_session_outgoing_bytes(pn_link_session(link.link)) < session_unsent_bytes_max;
}

void Engine::link_flow(pn_link_t* flowing, std::vector<Event>& events) {
    auto* link = static_cast<Link*>(pn_link_get_context(flowing));
    if (link == nullptr || link->gone || pn_link_is_receiver(flowing)) return;
    link->drains = pn_link_get_drain(flowing);
    if (link->accepted && has_room(*link)) {
        if (link->blocked) --blocked_;
        link->blocked = false;
        events.emplace_back(Sendable{link->number});
    }
}

void Engine::delivery_changed(pn_delivery_t* delivery, std::vector<Event>& events) {
    pn_link_t* on = pn_delivery_link(delivery);
    auto* link = static_cast<Link*>(pn_link_get_context(on));
    if (link == nullptr || link->gone) {
        if (pn_link_is_receiver(on)) {
            if (pn_link_current(on) == delivery && !pn_delivery_partial(delivery))
                pn_link_advance(on);
            pn_delivery_settle(delivery);
        }
        return;
    }
    if (pn_link_is_receiver(on)) {
        if (pn_delivery_aborted(delivery)) {
            incomplete_bytes_ -= link->partial.size();
            std::string().swap(link->partial);
            pn_delivery_settle(delivery);
        } else if (pn_link_current(on) == delivery &&
                   pn_delivery_get_context(delivery) == nullptr) {
            message_arriving(*link, delivery, events);
        }
        return;
    }
    const DeliveryNumber number = as_number(pn_delivery_get_context(delivery));
    const auto found = deliveries_.find(number);
    if (found == deliveries_.end() || !pn_delivery_updated(delivery)) return;
    if (found->second.watched) {
        events.emplace_back(Settled{link->number, number,
                                    outcome_of(pn_delivery_remote_state(delivery)),
                                    pn_delivery_settled(delivery)});
        pn_delivery_clear(delivery);
    } else {
        forget(number);
    }
}

void Engine::message_arriving(Link& link, pn_delivery_t* delivery, std::vector<Event>& events) {
    if (!link.accepted)
        return drop(link, {std::string(condition::not_allowed), "The link is not attached", {}},
                    events);
    if (link.partial.empty()) link.format = message_format_;
    const std::size_t pending = pn_delivery_pending(delivery);
    if (link.partial.size() + pending > limits_.message_bytes)
        return drop(link, {std::string(condition::size_exceeded), "The message is too large", {}},
                    events);
    const std::size_t before = link.partial.size();
    link.partial.resize(before + pending);
    const ssize_t got = pn_link_recv(link.link, link.partial.data() + before, pending);
    link.partial.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    incomplete_bytes_ += link.partial.size() - before;
    if (pn_delivery_partial(delivery)) {
        if (incomplete_bytes_ > limits_.incomplete_bytes)
            end(EndReason::limit_exceeded,
                {std::string(condition::limit_exceeded), "Too much of incomplete messages", {}},
                events);
        return;
    }
    incomplete_bytes_ -= link.partial.size();
    Arrived arrived{.link = link.number,
                    .delivery = 0,
                    .format = link.format,
                    .bytes = std::exchange(link.partial, {})};
    const bool settled = pn_delivery_settled(delivery);
    pn_link_advance(link.link);
    if (settled) {
        pn_delivery_settle(delivery);
    } else {
        arrived.delivery = ++last_delivery_;
        pn_delivery_set_context(delivery, as_context(arrived.delivery));
        deliveries_[arrived.delivery] = {delivery, link.number, false};
    }
    events.emplace_back(std::move(arrived));
    if (pn_link_credit(link.link) < 0)
        return drop(link, {std::string(condition::transfer_limit), "There was no credit", {}},
                    events);
    replenish(link);
}

void Engine::replenish(const Link& link) {
    const int left = pn_link_credit(link.link);
    if (left <= static_cast<int>(link_credit / 2))
        pn_link_flow(link.link, static_cast<int>(link_credit) - left);
}

void Engine::accept(LinkNumber number) {
    Link* link = find(number);
    if (link == nullptr || link->accepted) return;
    link->accepted = true;
    pn_link_t* to = link->link;
    pn_terminus_copy(pn_link_source(to), pn_link_remote_source(to));
    pn_terminus_copy(pn_link_target(to), pn_link_remote_target(to));
    pn_link_set_snd_settle_mode(to, pn_link_remote_snd_settle_mode(to));
    pn_link_set_rcv_settle_mode(to, pn_link_remote_rcv_settle_mode(to));
    if (pn_link_is_receiver(to)) pn_link_set_max_message_size(to, limits_.message_bytes);
    if (pn_data_t* properties = pn_link_remote_properties(to);
        properties != nullptr && pn_data_size(properties) > 0)
        pn_data_copy(pn_link_properties(to), properties);
    pn_link_open(to);
    if (pn_link_is_receiver(to)) replenish(*link);
}

void Engine::leave(Link& link, const Condition& why) {
    set(pn_link_condition(link.link), why);
    pn_link_close(link.link);
    let_go(link);
}

void Engine::refuse(LinkNumber number, const Condition& why) {
    Link* link = find(number);
    if (link == nullptr || link->accepted) return;
    pn_terminus_set_type(pn_link_source(link->link), PN_UNSPECIFIED);
    pn_terminus_set_type(pn_link_target(link->link), PN_UNSPECIFIED);
    pn_link_open(link->link);
    leave(*link, why);
}

void Engine::detach(LinkNumber number, const Condition& why) {
    Link* link = find(number);
    if (link == nullptr) return;
    if (!link->accepted) return refuse(number, why);
    leave(*link, why);
}

void Engine::drop(Link& link, const Condition& why, std::vector<Event>& events) {
    const LinkNumber number = link.number;
    // What is arriving is read no further.
    if (pn_delivery_t* current = pn_link_current(link.link);
        current != nullptr && pn_delivery_get_context(current) == nullptr)
        pn_delivery_settle(current);
    detach(number, why);
    events.emplace_back(LinkGone{number});
}

void Engine::settle(DeliveryNumber number, Outcome outcome, const Condition* why) {
    const auto found = deliveries_.find(number);
    if (found == deliveries_.end()) return;
    pn_delivery_t* delivery = found->second.delivery;
    if (why != nullptr) set(pn_disposition_condition(pn_delivery_local(delivery)), *why);
    pn_delivery_update(delivery, state_of(outcome));
    pn_delivery_settle(delivery);
    deliveries_.erase(found);
}

bool Engine::can_send(LinkNumber number) {
    Link* link = find(number);
    if (link == nullptr || !link->accepted) return false;
    if (has_room(*link)) return true;
    if (!link->blocked) ++blocked_;
    link->blocked = true;
    return false;
}

std::uint32_t Engine::credit(LinkNumber number) const {
    const Link* link = find(number);
    if (link == nullptr || !link->accepted) return 0;
    return static_cast<std::uint32_t>(std::max(0, pn_link_credit(link->link)));
}

DeliveryNumber Engine::send(LinkNumber number, std::string_view bytes, Settle settle,
                            std::string_view tag) {
    Link* link = find(number);
    if (link == nullptr || !link->accepted) return 0;
    const DeliveryNumber delivery_number = ++last_delivery_;
    std::array<char, 8> own_tag{};
    if (tag.empty()) {
        for (std::size_t i = 0; i < own_tag.size(); ++i)
            own_tag[i] = static_cast<char>(delivery_number >> (8 * (own_tag.size() - 1 - i)));
        tag = {own_tag.data(), own_tag.size()};
    }
    CHECK(tag.size() <= delivery_tag_bytes_max);
    pn_delivery_t* delivery = pn_delivery(link->link, pn_dtag(tag.data(), tag.size()));
    pn_link_send(link->link, bytes.data(), bytes.size());
    if (settle == Settle::at_once) {
        pn_delivery_settle(delivery);
        pn_link_advance(link->link);
        return 0;
    }
    pn_link_advance(link->link);
    pn_delivery_set_context(delivery, as_context(delivery_number));
    deliveries_[delivery_number] = {delivery, number, settle == Settle::watched};
    ++link->unsettled;
    return delivery_number;
}

void Engine::forget(DeliveryNumber number) {
    const auto found = deliveries_.find(number);
    if (found == deliveries_.end()) return;
    pn_delivery_t* delivery = found->second.delivery;
    if (Link* link = find(found->second.link); link != nullptr && link->unsettled > 0)
        --link->unsettled;
    pn_delivery_set_context(delivery, nullptr);
    if (const std::uint64_t state = pn_delivery_remote_state(delivery); state != 0)
        pn_delivery_update(delivery, state);
    pn_delivery_settle(delivery);
    deliveries_.erase(found);
}

void Engine::close(const Condition* why) {
    if (why != nullptr) set(pn_connection_condition(driver_.connection), *why);
    // A close needs an open before it.
    if (!opened_) pn_connection_open(driver_.connection);
    pn_connection_close(driver_.connection);
}

}  // namespace twinhub::protocol::amqp
