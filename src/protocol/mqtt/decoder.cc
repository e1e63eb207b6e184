#include "protocol/mqtt/decoder.h"

#include "protocol/mqtt/wire.h"

#include <algorithm>

namespace twinhub::protocol::mqtt {
namespace {

constexpr auto malformed = std::unexpected(Fault::malformed);

// Reads a packet's body from the front. A read past the end makes it bad, and stays that.
class Reader {
public:
    explicit Reader(std::string_view body) : rest_(body) {}

    std::uint8_t byte() {
        const std::string_view one = take(1);
        return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
    }
    std::uint16_t number() {
        const std::string_view two = take(2);
        if (two.empty()) return 0;
        return static_cast<std::uint16_t>(static_cast<unsigned char>(two[0]) << 8 |
                                          static_cast<unsigned char>(two[1]));
    }
    std::uint16_t packet_id() {
        const std::uint16_t id = number();
        good_ &= id != 0;
        return id;
    }
    std::string_view binary() { return take(number()); }
    std::string_view text() {
        const std::string_view read = binary();
        good_ &= is_text(read);
        return read;
    }
    std::string_view rest() { return std::exchange(rest_, {}); }

    void require(bool condition) { good_ &= condition; }
    bool good() const { return good_; }
    bool at_end() const { return rest_.empty(); }

private:
    std::string_view take(std::size_t count) {
        if (!good_ || count > rest_.size()) {
            good_ = false;
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::string_view rest_;
    bool good_ = true;
};

using Decoded = std::expected<Packet, Fault>;

// `packet` when all of the body was read and nothing was wrong with it.
template <class P>
Decoded complete(P&& packet, const Reader& reader) {
    if (!reader.good() || !reader.at_end()) return malformed;
    return std::forward<P>(packet);
}

Decoded decode_connect(Reader reader) {
    Connect packet;
    const std::string_view protocol = reader.binary();
    packet.protocol_level = reader.byte();
    if (!reader.good()) return malformed;
    // MQTT 3.1 called itself MQIsdp: a level to refuse politely, like every other but 4.
    if (protocol != "MQTT" && protocol != "MQIsdp") return malformed;
    if (protocol != "MQTT" && packet.protocol_level == 4) return malformed;
    if (packet.protocol_level != 4) return packet;

    const unsigned flags = reader.byte();
    const bool has_will = flags & 0x04;
    const bool has_password = flags & 0x40;
    const bool has_user_name = flags & 0x80;
    const unsigned will_qos = flags >> 3 & 3;
    reader.require(!(flags & 0x01));
    reader.require(has_user_name || !has_password);
    reader.require(has_will ? will_qos <= 2 : (flags & 0x38) == 0);
    packet.clean_session = flags & 0x02;
    packet.keep_alive_seconds = reader.number();
    packet.client_id = reader.text();
    if (has_will) {
        WillMessage& will = packet.will.emplace();
        will.topic = reader.binary();
        reader.require(is_topic_name(will.topic));
        will.payload = reader.binary();
        will.qos = static_cast<Qos>(will_qos);
        will.retain = flags & 0x20;
    }
    if (has_user_name) packet.user_name = reader.text();
    if (has_password) packet.password = reader.binary();
    return complete(packet, reader);
}

Decoded decode_connack(Reader reader) {
    const unsigned flags = reader.byte();
    const unsigned code = reader.byte();
    reader.require(flags <= 1 && code <= 5 && (code == 0 || flags == 0));
    return complete(ConnAck{flags == 1, static_cast<ConnectCode>(code)}, reader);
}

Decoded decode_publish(unsigned flags, Reader reader) {
    Publish packet;
    packet.duplicate = flags & 8;
    packet.retain = flags & 1;
    packet.qos = static_cast<Qos>(flags >> 1 & 3);
    packet.topic = reader.binary();
    reader.require(is_topic_name(packet.topic));
    if (packet.qos == Qos::at_least_once) packet.packet_id = reader.packet_id();
    else reader.require(!packet.duplicate);  // section 3.3.1.1
    packet.payload = reader.rest();
    return complete(packet, reader);
}

Decoded decode_subscribe(Reader reader) {
    Subscribe packet;
    packet.packet_id = reader.packet_id();
    do {
        FilterRequest& request = packet.filters.emplace_back();
        request.filter = reader.binary();
        reader.require(is_topic_filter(request.filter));
        const unsigned qos = reader.byte();
        reader.require(qos <= 2);
        request.qos = static_cast<Qos>(qos);
    } while (reader.good() && !reader.at_end());
    return complete(std::move(packet), reader);
}

Decoded decode_suback(Reader reader) {
    SubAck packet;
    packet.packet_id = reader.packet_id();
    do {
        const std::uint8_t code = reader.byte();
        reader.require(code <= 2 || code == subscription_refused);
        packet.codes.push_back(code);
    } while (reader.good() && !reader.at_end());
    return complete(std::move(packet), reader);
}

Decoded decode_unsubscribe(Reader reader) {
    Unsubscribe packet;
    packet.packet_id = reader.packet_id();
    do {
        packet.filters.push_back(reader.binary());
        reader.require(is_topic_filter(packet.filters.back()));
    } while (reader.good() && !reader.at_end());
    return complete(std::move(packet), reader);
}

// How many bytes the first packet of `bytes` is short of, as far as its header tells: at least 1.
std::size_t missing_bytes(std::string_view bytes) {
    std::size_t length = 0;
    for (std::size_t i = 1; i < bytes.size() && i <= 4; ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        length |= static_cast<std::size_t>(byte & 0x7f) << 7 * (i - 1);
        if (!(byte & 0x80)) return i + 1 + length - bytes.size();
    }
    return 1;
}

std::optional<Fault> check_header(unsigned header) {
    const unsigned type = header >> 4;
    const unsigned flags = header & 15;
    switch (static_cast<PacketType>(type)) {
        case PacketType::publish:
            if ((flags & 6) == 6) return Fault::malformed;
            return (flags & 6) == 4 ? std::optional(Fault::qos2) : std::nullopt;
        case PacketType::pubrec:
        case PacketType::pubcomp: return flags == 0 ? Fault::qos2 : Fault::malformed;
        case PacketType::pubrel: return flags == 2 ? Fault::qos2 : Fault::malformed;
        case PacketType::subscribe:
        case PacketType::unsubscribe:
            return flags == 2 ? std::nullopt : std::optional(Fault::malformed);
        default: break;
    }
    return type == 0 || type == 15 || flags != 0 ? std::optional(Fault::malformed) : std::nullopt;
}

}  // namespace

std::expected<std::optional<Frame>, Fault> cut(std::string_view bytes,
                                               std::uint32_t remaining_length_max) {
    if (bytes.empty()) return std::nullopt;
    Frame frame;
    frame.header = static_cast<std::uint8_t>(bytes[0]);
    if (const auto fault = check_header(frame.header)) return std::unexpected(*fault);

    std::size_t length = 0;
    for (std::size_t i = 1;; ++i) {
        if (i > 4) return malformed;
        if (i == bytes.size()) return std::nullopt;
        const auto byte = static_cast<unsigned char>(bytes[i]);
        length |= static_cast<std::size_t>(byte & 0x7f) << 7 * (i - 1);
        if (length > remaining_length_max) return std::unexpected(Fault::too_large);
        if (byte & 0x80) continue;
        frame.bytes = i + 1 + length;
        if (bytes.size() < frame.bytes) return std::nullopt;
        frame.body = bytes.substr(i + 1, length);
        return frame;
    }
}

std::expected<Packet, Fault> decode(const Frame& frame) {
    if (const auto fault = check_header(frame.header)) return std::unexpected(*fault);
    Reader reader(frame.body);
    switch (static_cast<PacketType>(frame.header >> 4)) {
        case PacketType::connect: return decode_connect(reader);
        case PacketType::connack: return decode_connack(reader);
        case PacketType::publish: return decode_publish(frame.header & 15u, reader);
        case PacketType::subscribe: return decode_subscribe(reader);
        case PacketType::suback: return decode_suback(reader);
        case PacketType::unsubscribe: return decode_unsubscribe(reader);
        case PacketType::puback: {
            const PubAck packet{reader.packet_id()};
            return complete(packet, reader);
        }
        case PacketType::unsuback: {
            const UnsubAck packet{reader.packet_id()};
            return complete(packet, reader);
        }
        case PacketType::pingreq: return complete(PingReq{}, reader);
        case PacketType::pingresp: return complete(PingResp{}, reader);
        case PacketType::disconnect: return complete(Disconnect{}, reader);
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp: break;
    }
    return malformed;
}

void Decoder::hold(std::span<const std::byte> bytes) {
    keep({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::expected<bool, Fault> Decoder::top_up(std::string_view& bytes) {
    const auto view = [this] { return std::string_view(tail_.data(), tail_.size()); };
    while (true) {
        const auto frame = cut(view(), remaining_length_max_);
        if (!frame) return std::unexpected(frame.error());
        if (*frame) return true;
        if (bytes.empty()) return false;
        const std::size_t count = std::min(missing_bytes(view()), bytes.size());
        keep(bytes.substr(0, count));
        bytes.remove_prefix(count);
    }
}

}  // namespace twinhub::protocol::mqtt
