#pragma once

#include "protocol/mqtt/packet.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::protocol::mqtt {

// The bytes that encoder, decoder and session share (MQTT 3.1.1 section 2.2).

enum class PacketType : std::uint8_t {
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    pubrec = 5,
    pubrel = 6,
    pubcomp = 7,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
};

inline constexpr std::uint32_t remaining_length_limit = 268'435'455;  // four bytes of seven bits

// A PUBLISH whose topic is given in pieces. `packet_id` counts only with QoS 1.
void encode_publish(std::initializer_list<std::string_view> topic, std::string_view payload,
                    Qos qos, std::uint16_t packet_id, bool retain, bool duplicate,
                    std::string& out);

// MQTT's rule for text: UTF-8 without U+0000 (section 1.5.3).
bool is_text(std::string_view text);
// A text without wildcards, and not empty: what a PUBLISH may carry.
bool is_topic_name(std::string_view text);
// A text that is not empty, `#` only as the last level, `+` only as a whole level (section 4.7.1).
bool is_topic_filter(std::string_view text);

}  // namespace twinhub::protocol::mqtt
