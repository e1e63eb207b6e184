#include "protocol/mqtt/provisioning_session.h"

#include "protocol/mqtt/wire.h"

#include <algorithm>

namespace twinhub::protocol::mqtt {
namespace {

constexpr std::uint32_t packet_bytes_max_here = 128 * 1024;  // a payload of 64 KiB and room

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

}  // namespace

ProvisioningSession::ProvisioningSession(const Limits& limits, std::chrono::seconds keep_alive,
                                         Moment now, std::string& out)
    : decoder_(std::min(packet_bytes_max_here, limits.packet_bytes)),
      silence_max_(keep_alive.count() == 0
                       ? std::chrono::milliseconds(limits.keep_alive)
                       : std::min(std::chrono::milliseconds(limits.keep_alive),
                                  std::chrono::milliseconds(keep_alive) * 3 / 2)),
      silent_until_(now + silence_max_),
      unproved_until_(now + unproved_max) {
    // Never a session that was there: .NET fails on it.
    encode(ConnAck{false, ConnectCode::accepted}, out);
}

void ProvisioningSession::receive(std::span<const std::byte> bytes, Moment now, std::string& out,
                                  ProvisioningEvents& events) {
    if (closed_) return;
    const auto fault = decoder_.feed(bytes, events.held, [&](const Packet& packet) {
        handle(packet, now, out, events);
        return !closed_;
    });
    if (fault) end(reason_of(*fault), events);
}

void ProvisioningSession::handle(const Packet& packet, Moment now, std::string& out,
                                 ProvisioningEvents& events) {
    silent_until_ = now + silence_max_;
    std::visit(Overloaded{
                   [&](const Publish& publish) { on(publish, out, events); },
                   [&](const Subscribe& subscribe) { on(subscribe, out); },
                   [&](const Unsubscribe& unsubscribe) { on(unsubscribe, out); },
                   [&](const PubAck&) {},  // nothing is sent a second time
                   [&](const PingReq&) { encode(PingResp{}, out); },
                   [&](const Disconnect&) { end(CloseReason::client_disconnect, events); },
                   [&](const Connect&) { end(CloseReason::second_connect, events); },
                   [&](const auto&) { end(CloseReason::packet_unexpected, events); },
               },
               packet);
}

void ProvisioningSession::on(const Publish& packet, std::string& out, ProvisioningEvents& events) {
    const auto request = parse_provisioning_topic(packet.topic);
    if (!request) return end(CloseReason::topic_refused, events);
    if (congested()) return end(CloseReason::pipelined_too_much, events);
    if (packet.qos == Qos::at_least_once) encode(PubAck{packet.packet_id}, out);
    ++unanswered_;
    events.list.emplace_back(AskProvisioning{*request, packet.payload});
}

void ProvisioningSession::on(const Subscribe& packet, std::string& out) {
    SubAck answer{packet.packet_id, {}};
    for (const FilterRequest& filter : packet.filters) {
        if (filter.filter != provisioning_filter) {
            answer.codes.push_back(subscription_refused);
            continue;
        }
        granted_ = std::min(filter.qos, Qos::at_least_once);
        answer.codes.push_back(static_cast<std::uint8_t>(*granted_));
    }
    encode(answer, out);
}

void ProvisioningSession::on(const Unsubscribe& packet, std::string& out) {
    if (std::ranges::find(packet.filters, provisioning_filter) != packet.filters.end())
        granted_.reset();
    encode(UnsubAck{packet.packet_id}, out);
}

void ProvisioningSession::answer(std::string_view rid, int status, std::chrono::seconds retry_after,
                                 std::string_view body, std::string& out) {
    if (unanswered_ > 0) --unanswered_;
    if (closed_ || !granted_) return;
    if (*granted_ == Qos::at_least_once && ++last_packet_id_ == 0) last_packet_id_ = 1;
    const std::uint16_t packet_id = *granted_ == Qos::at_least_once ? last_packet_id_ : 0;
    encode_publish({make_provisioning_topic(status, rid, retry_after.count())}, body, *granted_,
                   packet_id, false, false, out);
}

void ProvisioningSession::tick(Moment now, ProvisioningEvents& events) {
    if (closed_ || now < deadline()) return;
    end(now >= unproved_until_ ? CloseReason::not_authorized : CloseReason::keep_alive_timeout,
        events);
}

Moment ProvisioningSession::deadline() const {
    return closed_ ? Moment::max() : std::min(silent_until_, unproved_until_);
}

void ProvisioningSession::end(CloseReason reason, ProvisioningEvents& events) {
    if (closed_) return;
    closed_ = true;
    decoder_ = Decoder(0);
    events.list.emplace_back(EndProvisioning{reason});
}

}  // namespace twinhub::protocol::mqtt
