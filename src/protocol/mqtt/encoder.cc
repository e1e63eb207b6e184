#include "base/result.h"
#include "protocol/mqtt/wire.h"

namespace twinhub::protocol::mqtt {
namespace {

void put_number(std::string& out, std::size_t number) {
    CHECK(number <= 0xffff);
    out += static_cast<char>(number >> 8);
    out += static_cast<char>(number & 0xff);
}

void put_text(std::string& out, std::string_view text) {
    put_number(out, text.size());
    out += text;
}

void put_packet_id(std::string& out, std::uint16_t packet_id) {
    CHECK(packet_id != 0);
    put_number(out, packet_id);
}

void put_header(std::string& out, PacketType type, unsigned flags, std::size_t remaining_length) {
    CHECK(remaining_length <= remaining_length_limit);
    out += static_cast<char>(static_cast<unsigned>(type) << 4 | flags);
    do {
        const std::size_t low = remaining_length & 0x7f;
        remaining_length >>= 7;
        out += static_cast<char>(remaining_length ? low | 0x80 : low);
    } while (remaining_length);
}

void put_bare_id(std::string& out, PacketType type, std::uint16_t packet_id) {
    put_header(out, type, 0, 2);
    put_packet_id(out, packet_id);
}

}  // namespace

void encode(const Connect& packet, std::string& out) {
    CHECK(packet.user_name || !packet.password);
    std::size_t length = 10 + 2 + packet.client_id.size();
    unsigned flags = packet.clean_session ? 0x02u : 0;
    if (packet.will) {
        length += 4 + packet.will->topic.size() + packet.will->payload.size();
        flags |= 0x04u | static_cast<unsigned>(packet.will->qos) << 3 |
                 (packet.will->retain ? 0x20u : 0);
    }
    if (packet.user_name) {
        length += 2 + packet.user_name->size();
        flags |= 0x80u;
    }
    if (packet.password) {
        length += 2 + packet.password->size();
        flags |= 0x40u;
    }
    put_header(out, PacketType::connect, 0, length);
    put_text(out, "MQTT");
    out += static_cast<char>(packet.protocol_level);
    out += static_cast<char>(flags);
    put_number(out, packet.keep_alive_seconds);
    put_text(out, packet.client_id);
    if (packet.will) {
        put_text(out, packet.will->topic);
        put_text(out, packet.will->payload);
    }
    if (packet.user_name) put_text(out, *packet.user_name);
    if (packet.password) put_text(out, *packet.password);
}

void encode(const ConnAck& packet, std::string& out) {
    put_header(out, PacketType::connack, 0, 2);
    out += static_cast<char>(packet.session_present);
    out += static_cast<char>(packet.code);
}

void encode_publish(std::initializer_list<std::string_view> topic, std::string_view payload,
                    Qos qos, std::uint16_t packet_id, bool retain, bool duplicate,
                    std::string& out) {
    std::size_t topic_bytes = 0;
    for (const std::string_view piece : topic) topic_bytes += piece.size();
    const bool acknowledged = qos != Qos::at_most_once;
    put_header(out, PacketType::publish,
               (duplicate ? 8u : 0u) | static_cast<unsigned>(qos) << 1 | (retain ? 1u : 0u),
               2 + topic_bytes + (acknowledged ? 2 : 0) + payload.size());
    put_number(out, topic_bytes);
    for (const std::string_view piece : topic) out += piece;
    if (acknowledged) put_packet_id(out, packet_id);
    out += payload;
}

void encode(const Publish& packet, std::string& out) {
    encode_publish({packet.topic}, packet.payload, packet.qos, packet.packet_id, packet.retain,
                   packet.duplicate, out);
}

void encode(const PubAck& packet, std::string& out) {
    put_bare_id(out, PacketType::puback, packet.packet_id);
}

void encode(const Subscribe& packet, std::string& out) {
    CHECK(!packet.filters.empty());
    std::size_t length = 2;
    for (const FilterRequest& request : packet.filters) length += 3 + request.filter.size();
    put_header(out, PacketType::subscribe, 2, length);
    put_packet_id(out, packet.packet_id);
    for (const FilterRequest& request : packet.filters) {
        put_text(out, request.filter);
        out += static_cast<char>(request.qos);
    }
}

void encode(const SubAck& packet, std::string& out) {
    CHECK(!packet.codes.empty());
    put_header(out, PacketType::suback, 0, 2 + packet.codes.size());
    put_packet_id(out, packet.packet_id);
    for (const std::uint8_t code : packet.codes) out += static_cast<char>(code);
}

void encode(const Unsubscribe& packet, std::string& out) {
    CHECK(!packet.filters.empty());
    std::size_t length = 2;
    for (const std::string_view filter : packet.filters) length += 2 + filter.size();
    put_header(out, PacketType::unsubscribe, 2, length);
    put_packet_id(out, packet.packet_id);
    for (const std::string_view filter : packet.filters) put_text(out, filter);
}

void encode(const UnsubAck& packet, std::string& out) {
    put_bare_id(out, PacketType::unsuback, packet.packet_id);
}
void encode(const PingReq&, std::string& out) { put_header(out, PacketType::pingreq, 0, 0); }
void encode(const PingResp&, std::string& out) { put_header(out, PacketType::pingresp, 0, 0); }
void encode(const Disconnect&, std::string& out) { put_header(out, PacketType::disconnect, 0, 0); }

void encode(const Packet& packet, std::string& out) {
    std::visit([&out](const auto& one) { encode(one, out); }, packet);
}

}  // namespace twinhub::protocol::mqtt
