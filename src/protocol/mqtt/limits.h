#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace twinhub::protocol::mqtt {

// What a peer may make one connection do. Spec device-protocols 1.2 to 1.9, 2.1.
inline constexpr std::size_t message_bytes_max = 262144;  // payload and properties
inline constexpr std::uint32_t packet_bytes_max = message_bytes_max + 66000;  // remaining length
inline constexpr std::uint32_t connect_bytes_max =
    80 * 1024;  // a full will payload and 16 KiB of names
inline constexpr std::size_t user_name_bytes_max = 8 * 1024;
inline constexpr std::size_t model_id_bytes_max = 2048;  // a DTMI's own limit
inline constexpr std::size_t rid_bytes_max = 256;
inline constexpr std::size_t subscriptions_max = 5;
inline constexpr std::size_t unacknowledged_max = 16;        // messages to the device
inline constexpr std::chrono::seconds keep_alive_max{1767};  // after the factor of 1.5

// The same as values, so that tests and an operator can choose smaller ones.
struct Limits {
    std::uint32_t connect_bytes = connect_bytes_max;
    std::uint32_t packet_bytes = packet_bytes_max;
    std::size_t message_bytes = message_bytes_max;
    // What may wait behind a CONNECT that is being authenticated: some packets and a large one.
    std::size_t pipelined_bytes = 64 * 1024 + packet_bytes_max;
    std::size_t subscriptions = subscriptions_max;
    std::size_t unacknowledged = unacknowledged_max;
    // Twin requests without an answer from which on Session::congested() asks for a pause in
    // reading.
    std::uint32_t unanswered = 64;
    std::chrono::seconds connect_within{30};
    std::chrono::seconds keep_alive = keep_alive_max;
};

}  // namespace twinhub::protocol::mqtt
