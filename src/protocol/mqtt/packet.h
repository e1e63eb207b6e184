#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace twinhub::protocol::mqtt {

// The control packets of MQTT 3.1.1 as values, for both directions. Text and payloads are views:
// into the bytes given to the Decoder, or whatever the maker of a packet points them at. The QoS 2
// handshake is absent: the hub closes on it (spec device-protocols 1.8).

enum class Qos : std::uint8_t { at_most_once, at_least_once, exactly_once };

enum class ConnectCode : std::uint8_t {
    accepted = 0,
    protocol_level_refused = 1,
    identifier_rejected = 2,
    server_unavailable = 3,
    bad_user_name_or_password = 4,
    not_authorized = 5,
};

struct WillMessage {
    std::string_view topic;
    std::string_view payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    friend bool operator==(const WillMessage&, const WillMessage&) = default;
};

struct Connect {
    std::uint8_t protocol_level = 4;  // when another, the rest was not read: its layout is unknown
    bool clean_session = false;
    std::uint16_t keep_alive_seconds = 0;
    std::string_view client_id;
    std::optional<WillMessage> will;
    std::optional<std::string_view> user_name;
    std::optional<std::string_view> password;  // only with a user name
    friend bool operator==(const Connect&, const Connect&) = default;
};

struct ConnAck {
    bool session_present = false;
    ConnectCode code = ConnectCode::accepted;
    friend bool operator==(const ConnAck&, const ConnAck&) = default;
};

struct Publish {
    std::string_view topic;
    std::string_view payload;
    Qos qos = Qos::at_most_once;
    std::uint16_t packet_id = 0;  // not 0 when qos is at_least_once, else unused
    bool retain = false;
    bool duplicate = false;
    friend bool operator==(const Publish&, const Publish&) = default;
};

struct PubAck {
    std::uint16_t packet_id = 0;
    friend bool operator==(const PubAck&, const PubAck&) = default;
};

struct FilterRequest {
    std::string_view filter;
    Qos qos = Qos::at_most_once;
    friend bool operator==(const FilterRequest&, const FilterRequest&) = default;
};

struct Subscribe {
    std::uint16_t packet_id = 0;
    std::vector<FilterRequest> filters;  // at least one
    friend bool operator==(const Subscribe&, const Subscribe&) = default;
};

inline constexpr std::uint8_t subscription_refused = 0x80;

struct SubAck {
    std::uint16_t packet_id = 0;
    std::vector<std::uint8_t>
        codes;  // one a filter, in order: the granted QoS or subscription_refused
    friend bool operator==(const SubAck&, const SubAck&) = default;
};

struct Unsubscribe {
    std::uint16_t packet_id = 0;
    std::vector<std::string_view> filters;  // at least one
    friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};

struct UnsubAck {
    std::uint16_t packet_id = 0;
    friend bool operator==(const UnsubAck&, const UnsubAck&) = default;
};

struct PingReq {
    friend bool operator==(const PingReq&, const PingReq&) = default;
};
struct PingResp {
    friend bool operator==(const PingResp&, const PingResp&) = default;
};
struct Disconnect {
    friend bool operator==(const Disconnect&, const Disconnect&) = default;
};

using Packet = std::variant<Connect, ConnAck, Publish, PubAck, Subscribe, SubAck, Unsubscribe,
                            UnsubAck, PingReq, PingResp, Disconnect>;

// Append one packet to `out`. The caller keeps to the protocol (texts under 64 KiB, packet ids not
// 0, lists not empty): breaking that is a programming error and ends the process.
void encode(const Connect& packet, std::string& out);
void encode(const ConnAck& packet, std::string& out);
void encode(const Publish& packet, std::string& out);
void encode(const PubAck& packet, std::string& out);
void encode(const Subscribe& packet, std::string& out);
void encode(const SubAck& packet, std::string& out);
void encode(const Unsubscribe& packet, std::string& out);
void encode(const UnsubAck& packet, std::string& out);
void encode(const PingReq& packet, std::string& out);
void encode(const PingResp& packet, std::string& out);
void encode(const Disconnect& packet, std::string& out);
void encode(const Packet& packet, std::string& out);

}  // namespace twinhub::protocol::mqtt
