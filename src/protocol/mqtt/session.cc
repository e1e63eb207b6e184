#include "protocol/mqtt/session.h"

#include "protocol/mqtt/wire.h"

#include <algorithm>

namespace twinhub::protocol::mqtt {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};

CloseReason reason_of(Fault fault) {
    switch (fault) {
        case Fault::malformed: return CloseReason::packet_malformed;
        case Fault::too_large: return CloseReason::packet_too_large;
        case Fault::qos2: return CloseReason::qos2;
    }
    return CloseReason::packet_malformed;
}

// One and a half times what the client said; it may not switch the limit off (1.6).
std::chrono::milliseconds silence_max(std::chrono::seconds keep_alive, std::chrono::seconds cap) {
    const std::chrono::milliseconds limit = cap;
    return keep_alive.count() == 0 ? limit
                                   : std::min(limit, std::chrono::milliseconds(keep_alive) * 3 / 2);
}

constexpr std::optional<Subscription> acknowledged_flag(Subscription kind) {
    switch (kind) {
        case Subscription::cloud_to_device: return Subscription::cloud_to_device_acknowledged;
        case Subscription::module_inputs: return Subscription::module_inputs_acknowledged;
        default: return std::nullopt;  // always sent with QoS 0 (1.9)
    }
}

void add(Subscriptions& to, const Filter& filter, Qos qos) {
    if (!filter.method.empty()) {
        const auto at = std::ranges::lower_bound(to.methods, filter.method);
        if (at == to.methods.end() || *at != filter.method) to.methods.emplace(at, filter.method);
        return;
    }
    to.mask = to.mask.with(filter.kind);
    if (const auto flag = acknowledged_flag(filter.kind))
        to.mask = qos == Qos::at_most_once ? to.mask.without(*flag) : to.mask.with(*flag);
}

void remove(Subscriptions& from, const Filter& filter) {
    if (!filter.method.empty()) {
        std::erase(from.methods, filter.method);
        return;
    }
    from.mask = from.mask.without(filter.kind);
    if (const auto flag = acknowledged_flag(filter.kind)) from.mask = from.mask.without(*flag);
}

}  // namespace

struct Session::Turn {
    Moment now;
    std::string& out;
    Events& events;
};

Properties properties_of(const Telemetry& message) {
    Properties properties = decode_properties(message.bag);
    if (message.retain) properties.emplace_back("mqtt-retain", "true");
    return properties;
}

Properties properties_of(const Will& will) {
    Properties properties = properties_of(Telemetry{will.bag, will.payload, will.retain});
    properties.emplace_back("iothub-MessageType", "Will");
    return properties;
}

Session::Session(const Limits& limits, Moment now)
    : limits_(&limits),
      decoder_(limits.connect_bytes),
      silence_deadline_(now + limits.connect_within) {}

void Session::receive(std::span<const std::byte> bytes, Moment now, std::string& out,
                      Events& events) {
    if (bytes.empty() || state_ == State::closed) return;
    Turn turn{now, out, events};
    if (state_ == State::authenticating) {
        if (decoder_.held_bytes() + bytes.size() > limits_->pipelined_bytes)
            return end(CloseReason::pipelined_too_much, events);
        return decoder_.hold(bytes);
    }
    const bool first = state_ == State::awaiting_connect && decoder_.held_bytes() == 0;
    if (first && static_cast<unsigned>(bytes[0]) >> 4 != static_cast<unsigned>(PacketType::connect))
        return end(CloseReason::first_packet_not_connect, events);
    read(bytes, turn);
}

void Session::read(std::span<const std::byte> bytes, Turn& turn) {
    const auto fault = decoder_.feed(bytes, turn.events.held, [&](const Packet& packet) {
        handle(packet, turn);
        return state_ == State::open;
    });
    if (fault) end(reason_of(*fault), turn.events);
    if (state_ == State::leaving) {
        std::get<Provision>(turn.events.list.back()).unread = decoder_.take_held();
        state_ = State::closed;
    }
    if (state_ == State::closed) decoder_ = Decoder(0);
}

void Session::handle(const Packet& packet, Turn& turn) {
    if (state_ == State::open) silence_deadline_ = turn.now + keep_alive_;
    std::visit(Overloaded{
                   [&](const Publish& publish) { on(publish, turn); },
                   [&](const Connect& connect) { on(connect, turn); },
                   [&](const Subscribe& subscribe) { on(subscribe, turn); },
                   [&](const Unsubscribe& unsubscribe) { on(unsubscribe, turn); },
                   [&](const PubAck& ack) { on(ack, turn); },
                   [&](const PingReq&) { encode(PingResp{}, turn.out); },
                   [&](const Disconnect&) {
                       will_.reset();
                       end(CloseReason::client_disconnect, turn.events);
                   },
                   [&](const auto&) { end(CloseReason::packet_unexpected, turn.events); },
               },
               packet);
}

void Session::on(const Connect& packet, Turn& turn) {
    if (state_ != State::awaiting_connect) return end(CloseReason::second_connect, turn.events);
    if (packet.protocol_level != 4)
        return turn_away(ConnectCode::protocol_level_refused, CloseReason::protocol_level_refused,
                         turn);
    if (auto name = parse_provisioning_name(packet.user_name.value_or(""), packet.client_id)) {
        state_ = State::leaving;
        turn.events.list.emplace_back(Provision{*std::move(name),
                                                std::string(packet.password.value_or("")),
                                                std::chrono::seconds(packet.keep_alive_seconds),
                                                {}});
        return;
    }
    // Whatever is wrong with who they say they are gets code 5: 2 and 4 stop C devices for good
    // (1.3).
    auto user = parse_user_name(packet.user_name.value_or(""), packet.client_id);
    if (!user) return turn_away(ConnectCode::not_authorized, CloseReason::identity_malformed, turn);
    if (packet.will) {
        const auto topic = parse_telemetry_topic(packet.will->topic, user->identity);
        if (!topic || packet.will->qos == Qos::exactly_once)
            return turn_away(ConnectCode::not_authorized, CloseReason::will_refused, turn);
        will_ = std::make_unique<Will>(
            Will{std::string(topic->bag), std::string(packet.will->payload), packet.will->retain});
    }

    const std::chrono::seconds keep_alive(packet.keep_alive_seconds);
    keep_alive_ = silence_max(keep_alive, limits_->keep_alive);
    identity_ = user->identity;
    state_ = State::authenticating;
    decoder_.set_remaining_length_max(limits_->packet_bytes);
    turn.events.list.emplace_back(Authenticate{*std::move(user),
                                               std::string(packet.password.value_or("")),
                                               packet.clean_session, keep_alive});
}

void Session::accept(AcceptFacts facts, Moment now, std::string& out, Events& events) {
    if (state_ != State::authenticating) return;  // closed while the credential was checked
    encode(ConnAck{facts.session_present, ConnectCode::accepted}, out);
    subscriptions_ = std::move(facts.restored);
    expires_ = facts.expires;
    silence_deadline_ = now + keep_alive_;
    state_ = State::open;
    Turn turn{now, out, events};
    read({}, turn);
}

void Session::refuse(ConnectCode code, std::string& out, Events& events) {
    if (state_ != State::authenticating) return;
    encode(ConnAck{false, code}, out);
    end(code == ConnectCode::server_unavailable ? CloseReason::server_unavailable
                                                : CloseReason::not_authorized,
        events);
}

void Session::turn_away(ConnectCode code, CloseReason reason, Turn& turn) {
    encode(ConnAck{false, code}, turn.out);
    end(reason, turn.events);
}

void Session::on(const Publish& packet, Turn& turn) {
    const auto topic = parse_device_topic(packet.topic, identity_);
    if (!topic) return end(CloseReason::topic_refused, turn.events);
    const auto* telemetry = std::get_if<TelemetryTopic>(&*topic);
    if (packet.payload.size() + (telemetry ? telemetry->bag.size() : 0) > limits_->message_bytes)
        return end(CloseReason::message_too_large, turn.events);
    if (packet.qos == Qos::at_least_once) encode(PubAck{packet.packet_id}, turn.out);

    auto& list = turn.events.list;
    std::visit(
        Overloaded{
            [&](const GetTopic& get) {
                ++unanswered_;
                list.emplace_back(GetTwin{get.rid});
            },
            [&](const ReportTopic& report) {
                ++unanswered_;
                list.emplace_back(Report{report.rid, report.base_version, packet.payload});
            },
            [&](const TelemetryTopic& message) {
                list.emplace_back(Telemetry{message.bag, packet.payload, packet.retain});
            },
            [&](const MethodResponseTopic& response) {
                list.emplace_back(MethodResponse{response.status, response.rid, packet.payload});
            },
        },
        *topic);
}

std::uint8_t Session::grant(const FilterRequest& request) {
    const auto filter = parse_filter(request.filter, identity_);
    if (!filter) return subscription_refused;
    const Qos qos = std::min(request.qos, Qos::at_least_once);
    Subscriptions grown = subscriptions_;
    add(grown, *filter, qos);
    if (grown.count() > subscriptions_.count() && grown.count() > limits_->subscriptions)
        return subscription_refused;
    subscriptions_ = std::move(grown);
    return static_cast<std::uint8_t>(qos);
}

void Session::on(const Subscribe& packet, Turn& turn) {
    const Subscriptions before = subscriptions_;
    SubAck answer{packet.packet_id, {}};
    answer.codes.reserve(packet.filters.size());
    for (const FilterRequest& request : packet.filters) answer.codes.push_back(grant(request));
    encode(answer, turn.out);
    if (subscriptions_ != before)
        turn.events.list.emplace_back(SubscriptionsChanged{subscriptions_});
}

void Session::on(const Unsubscribe& packet, Turn& turn) {
    const Subscriptions before = subscriptions_;
    for (const std::string_view filter : packet.filters)
        if (const auto parsed = parse_filter(filter, identity_)) remove(subscriptions_, *parsed);
    encode(UnsubAck{packet.packet_id}, turn.out);
    if (subscriptions_ != before)
        turn.events.list.emplace_back(SubscriptionsChanged{subscriptions_});
}

void Session::on(const PubAck& packet, Turn& turn) {
    const auto found =
        std::ranges::find(unacknowledged_, packet.packet_id, &Unacknowledged::packet_id);
    if (found == unacknowledged_.end()) return;  // an unknown id is ignored (1.8)
    turn.events.list.emplace_back(Acknowledged{found->key});
    unacknowledged_.erase(found);
    if (unacknowledged_.empty()) unacknowledged_ = {};
}

std::uint16_t Session::next_packet_id() {
    do ++last_packet_id_;
    while (last_packet_id_ == 0 ||
           std::ranges::count(unacknowledged_, last_packet_id_, &Unacknowledged::packet_id) != 0);
    return last_packet_id_;
}

std::size_t Session::message_room() const {
    if (state_ != State::open || !subscriptions_.mask.has(Subscription::cloud_to_device) ||
        !is_publishable(identity_.device))
        return 0;
    return limits_->unacknowledged - std::min(limits_->unacknowledged, unacknowledged_.size());
}

Session::Delivery Session::cloud_message(std::uint64_t key, std::string_view topic,
                                         std::string_view payload, bool again, std::string& out) {
    const auto known = std::ranges::find(unacknowledged_, key, &Unacknowledged::key);
    if (known == unacknowledged_.end() && message_room() == 0) return Delivery::refused;
    if (!subscriptions_.mask.has(Subscription::cloud_to_device_acknowledged)) {
        send(topic, payload, out);
        return Delivery::sent;
    }
    const bool sent_before = known != unacknowledged_.end();
    const std::uint16_t packet_id = sent_before ? known->packet_id : next_packet_id();
    if (!sent_before) unacknowledged_.push_back({key, packet_id});
    encode_publish({topic}, payload, Qos::at_least_once, packet_id, false, again || sent_before,
                   out);
    return Delivery::unacknowledged;
}

bool Session::send(std::string_view topic, std::string_view payload, std::string& out) {
    encode_publish({topic}, payload, Qos::at_most_once, 0, false, false, out);
    return true;
}

void Session::twin_response(std::string_view rid, int status, std::optional<std::uint64_t> version,
                            std::string_view body, std::string& out) {
    if (unanswered_ > 0) --unanswered_;
    if (state_ != State::open || !subscriptions_.mask.has(Subscription::twin_responses)) return;
    send(make_topic(TwinResponseTopic{status, rid, version}), body, out);
}

bool Session::desired_changed(std::uint64_t version, std::string_view body, std::string& out) {
    if (state_ != State::open || !subscriptions_.mask.has(Subscription::desired)) return false;
    return send(make_topic(DesiredTopic{version}), body, out);
}

bool Session::method_request(std::string_view name, std::string_view rid, std::string_view body,
                             std::string& out) {
    if (state_ != State::open || !subscriptions_.wants_method(name)) return false;
    return send(make_topic(MethodRequestTopic{name, rid}), body, out);
}

void Session::tick(Moment now, std::string& out, Events& events) {
    if (state_ == State::closed || now < deadline()) return;
    if (state_ == State::open) {
        if (now >= expires_) return end(CloseReason::credential_expired, events);
        // Asked to stop reading, the owner cannot know whether the peer is silent.
        if (congested()) {
            silence_deadline_ = now + keep_alive_;
            return;
        }
        return end(CloseReason::keep_alive_timeout, events);
    }
    // Then it is us who are late: the client may try again.
    if (state_ == State::authenticating)
        encode(ConnAck{false, ConnectCode::server_unavailable}, out);
    end(CloseReason::connect_timeout, events);
}

Moment Session::deadline() const {
    switch (state_) {
        case State::open: return std::min(silence_deadline_, expires_);
        case State::closed: return Moment::max();
        default: return silence_deadline_;
    }
}

void Session::end(CloseReason reason, Events& events) {
    if (state_ == State::closed) return;
    Close close{reason, std::nullopt};
    if (state_ == State::open && will_) close.will = std::move(*will_);
    will_.reset();
    state_ = State::closed;
    events.list.emplace_back(std::move(close));
}

bool Session::congested() const {
    return state_ == State::authenticating || unanswered_ >= limits_->unanswered;
}

}  // namespace twinhub::protocol::mqtt
