// The messages of an Engine, both ways.
#include "base/result.h"
#include "protocol/amqp/engine.h"
#include "protocol/amqp/proton_values.h"

#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>

#include <algorithm>
#include <array>

namespace twinhub::protocol::amqp {
namespace {

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

}  // namespace

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

void Engine::settle(DeliveryNumber number, Outcome outcome, const Condition* why) {
    const auto found = deliveries_.find(number);
    if (found == deliveries_.end()) return;
    pn_delivery_t* delivery = found->second.delivery;
    if (Link* link = find(found->second.link); link != nullptr && link->unsettled > 0)
        --link->unsettled;
    if (why != nullptr) set(pn_disposition_condition(pn_delivery_local(delivery)), *why);
    pn_delivery_update(delivery, state_of(outcome));
    pn_delivery_settle(delivery);
    deliveries_.erase(found);
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

}  // namespace twinhub::protocol::amqp
