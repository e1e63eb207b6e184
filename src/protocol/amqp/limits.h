#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace twinhub::protocol::amqp {

inline constexpr std::uint32_t frame_bytes_max = 65536;  // spec device-protocols 4.1
inline constexpr std::size_t nesting_max = 16;           // values inside values
inline constexpr std::size_t performative_values_max = 512;
inline constexpr std::size_t message_values_max = 4096;
// Attach and its kin; a transfer's payload comes on top.
inline constexpr std::size_t performative_bytes_max = 16 * 1024;
inline constexpr std::uint32_t link_credit = 100;  // replenished at half (4.3)

// What one connection may make us hold.
struct Limits {
    std::uint16_t sessions = 1024;  // a multiplexed device takes one
    std::uint32_t links = 4096;
    // The same until somebody is authorised: a stranger holds little.
    std::uint16_t sessions_of_strangers = 16;
    std::uint32_t links_of_strangers = 32;
    std::size_t message_bytes = 1 << 20;      // advertised on links that we read from
    std::size_t incomplete_bytes = 4 << 20;   // of messages that have not come whole, all links
    std::uint32_t unsettled = 1000;           // messages sent that nobody settled, per link
    std::chrono::milliseconds idle{240'000};  // advertised; twice that ends the connection
};

}  // namespace twinhub::protocol::amqp
