// The links of an Engine.
#include "protocol/amqp/engine.h"
#include "protocol/amqp/proton_values.h"

#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include <algorithm>
#include <utility>

namespace twinhub::protocol::amqp {
namespace {

// Bytes of a session that Proton may hold because the peer's window is closed.
constexpr std::size_t session_unsent_bytes_max = 64 * 1024;

}  // namespace

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
    pn_terminus_t* ours = pn_link_remote_target(opened);
    pn_terminus_t* theirs = pn_link_remote_source(opened);
    if (!offer.sends_to_us) std::swap(ours, theirs);
    if (!pn_terminus_is_dynamic(ours)) offer.address = text_or_empty(pn_terminus_get_address(ours));
    offer.own_address = text_or_empty(pn_terminus_get_address(theirs));
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

}  // namespace twinhub::protocol::amqp
