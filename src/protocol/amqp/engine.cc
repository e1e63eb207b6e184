#include "protocol/amqp/engine.h"

#include "base/result.h"
#include "protocol/amqp/proton_values.h"

#include <proton/connection.h>
#include <proton/link.h>
#include <proton/logger.h>
#include <proton/session.h>
#include <proton/transport.h>

#include <algorithm>

namespace twinhub::protocol::amqp {
namespace {

// Frames that a peer may send on a session before we have read them: all are read at once.
constexpr std::size_t session_window_frames = 256;

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

void Engine::close(const Condition* why) {
    if (why != nullptr) set(pn_connection_condition(driver_.connection), *why);
    // A close needs an open before it.
    if (!opened_) pn_connection_open(driver_.connection);
    pn_connection_close(driver_.connection);
}

}  // namespace twinhub::protocol::amqp
