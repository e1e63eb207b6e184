#pragma once

#include "base/encoding.h"
#include "protocol/mqtt/session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::mqtt {
using namespace std::chrono_literals;

inline const Moment start = Moment() + 1h;

inline std::string show(const Subscriptions& subscriptions) {
    std::string text = std::to_string(subscriptions.mask.bits());
    for (const std::string& method : subscriptions.methods) text += "+" + method;
    return text;
}

struct EventText {
    std::string operator()(const Authenticate& e) const {
        return "authenticate " + e.user.identity.text() + " at " + e.user.host + " with '" +
               e.password + "'" + (e.clean_session ? " clean" : "");
    }
    std::string operator()(const Provision& e) const {
        return "provision " + e.name.registration + " of " + e.name.scope + " with '" + e.password +
               "' and " + std::to_string(e.unread.size()) + " bytes";
    }
    std::string operator()(const GetTwin& e) const { return "get " + std::string(e.rid); }
    std::string operator()(const Report& e) const {
        return "report " + std::string(e.rid) +
               (e.base_version ? " on " + std::to_string(*e.base_version) : "") + " " +
               std::string(e.payload);
    }
    std::string operator()(const Telemetry& e) const {
        return "telemetry '" + std::string(e.bag) + "' " + std::string(e.payload) +
               (e.retain ? " retain" : "");
    }
    std::string operator()(const MethodResponse& e) const {
        return "method " + std::to_string(e.status) + " " + std::string(e.rid) + " " +
               std::string(e.payload);
    }
    std::string operator()(const Acknowledged& e) const {
        return "acknowledged " + std::to_string(e.key);
    }
    std::string operator()(const SubscriptionsChanged& e) const {
        return "subscribed " + show(e.now);
    }
    std::string operator()(const Close& e) const {
        return "close " + std::string(name_of(e.reason)) +
               (e.will ? " will '" + e.will->bag + "' " + e.will->payload : "");
    }
};

// An event as one line, so that a script of them reads like a log.
inline std::string show(const Event& event) { return std::visit(EventText{}, event); }

struct PacketText {
    std::string operator()(const ConnAck& p) const {
        return "connack " + std::to_string(static_cast<int>(p.code)) +
               (p.session_present ? " present" : "");
    }
    std::string operator()(const SubAck& p) const {
        std::string text = "suback " + std::to_string(p.packet_id);
        for (const std::uint8_t code : p.codes) text += " " + std::to_string(code);
        return text;
    }
    std::string operator()(const UnsubAck& p) const {
        return "unsuback " + std::to_string(p.packet_id);
    }
    std::string operator()(const PubAck& p) const {
        return "puback " + std::to_string(p.packet_id);
    }
    std::string operator()(const Publish& p) const {
        const std::string quality =
            p.qos == Qos::at_most_once
                ? ""
                : std::to_string(p.packet_id) + (p.duplicate ? " again " : " ");
        return (p.retain ? "retained publish " : "publish ") + quality + std::string(p.topic) +
               " " + std::string(p.payload);
    }
    std::string operator()(const PingResp&) const { return "pingresp"; }
    std::string operator()(const auto&) const { return "?"; }
};

// A packet from the hub as one line.
inline std::string show(const Packet& packet) { return std::visit(PacketText{}, packet); }

inline Connect connect_packet(
    std::string_view client_id = "d",
    std::string_view user_name = "h.example.com/d/?api-version=2021-04-12") {
    return {.keep_alive_seconds = 60,
            .client_id = client_id,
            .will = {},
            .user_name = user_name,
            .password = "token"};
}
inline Publish publish_packet(std::string_view topic, std::string_view payload = "",
                              std::uint16_t packet_id = 0) {
    return {.topic = topic,
            .payload = payload,
            .qos = packet_id ? Qos::at_least_once : Qos::at_most_once,
            .packet_id = packet_id};
}
inline constexpr std::string_view report_topic = "$iothub/twin/PATCH/properties/reported/?$rid=2";

// A session, its device and its owner. Every step gives what happened: events, then "< packet" for
// each packet that the device got.
class Script {
public:
    explicit Script(Limits limits = {}) : limits_(limits), session_(limits_, start) {}

    std::vector<std::string> bytes(std::string_view bytes) {
        const std::vector<char> copy(bytes.begin(),
                                     bytes.end());  // gone after the turn, as a read buffer is
        session_.receive(std::as_bytes(std::span(copy)), now, out_, events_);
        return happened();
    }
    std::vector<std::string> hex(std::string_view text) { return bytes(hex_decode(text).value()); }
    template <class... Packets>
    std::vector<std::string> sends(const Packets&... packets) {
        std::string bytes_sent;
        (encode(packets, bytes_sent), ...);
        return bytes(bytes_sent);
    }
    std::vector<std::string> accepted(AcceptFacts facts = {}) {
        session_.accept(std::move(facts), now, out_, events_);
        return happened();
    }
    std::vector<std::string> refused(ConnectCode code) {
        session_.refuse(code, out_, events_);
        return happened();
    }
    std::vector<std::string> answered(std::string_view rid, int status,
                                      std::optional<std::uint64_t> version, std::string_view body) {
        session_.twin_response(rid, status, version, body, out_);
        return happened();
    }
    std::vector<std::string> desired(std::uint64_t version, std::string_view body) {
        session_.desired_changed(version, body, out_);
        return happened();
    }
    std::vector<std::string> method(std::string_view name, std::string_view rid,
                                    std::string_view body) {
        session_.method_request(name, rid, body, out_);
        return happened();
    }
    std::vector<std::string> message(std::uint64_t key, std::string_view payload,
                                     bool again = false) {
        session_.cloud_message(key, make_device_bound_topic(session_.identity().device, {}),
                               payload, again, out_);
        return happened();
    }
    std::vector<std::string> ticks() {
        session_.tick(now, out_, events_);
        return happened();
    }
    std::vector<std::string> ends(CloseReason reason) {
        session_.end(reason, events_);
        return happened();
    }
    // Connects and is accepted, with the session as it was stored.
    Script& opens(const Connect& packet = connect_packet(), AcceptFacts facts = {}) {
        sends(packet);
        accepted(std::move(facts));
        return *this;
    }
    const Session& session() const { return session_; }

    Moment now = start;

private:
    std::vector<std::string> happened() {
        std::vector<std::string> lines;
        for (const Event& event : events_.list) lines.push_back(show(event));
        Decoder decoder(1 << 20);
        HeldBytes held;
        const auto fault =
            decoder.feed(std::as_bytes(std::span(out_)), held, [&](const Packet& packet) {
                lines.push_back("< " + show(packet));
                return true;
            });
        EXPECT_FALSE(fault || decoder.held_bytes()) << hex_encode(out_);
        events_.clear();
        out_.clear();
        return lines;
    }

    const Limits limits_;
    Session session_;
    std::string out_;
    Events events_;
};

}  // namespace twinhub::protocol::mqtt
