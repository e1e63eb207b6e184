#pragma once

#include <chrono>
#include <cstddef>

namespace twinhub::provisioning {

inline constexpr std::size_t key_bytes_min = 16;  // spec device-protocols 6.2
inline constexpr std::size_t key_bytes_max = 64;
inline constexpr std::size_t generated_key_bytes = 64;                // as the cloud makes them
inline constexpr std::size_t hubs_max = 100;                          // of one enrollment
inline constexpr std::size_t links_max = 100;                         // hubs that are linked
inline constexpr std::size_t host_bytes_max = 253;                    // of a DNS name
inline constexpr std::size_t hub_answer_bytes_max = 4 * 1024 * 1024;  // a twin with its metadata
inline constexpr int moves_max = 4;  // copies of a twin that goes on changing while it moves
inline constexpr std::size_t waiting_max = 5'000;     // for a silent hub, a loop
inline constexpr std::chrono::seconds load_age{30};   // how long a hub's load is believed
inline constexpr std::chrono::seconds load_pause{5};  // before a silent one is asked again
inline constexpr std::size_t url_bytes_max = 2048;
inline constexpr std::size_t information_bytes_max = 8 * 1024;
inline constexpr std::size_t tpm_key_bytes_max = 1024;  // a TPM2B_PUBLIC of RSA 2048 has 316
inline constexpr std::size_t bulk_items_max = 10;       // spec service-api 11.5
inline constexpr std::size_t register_bytes_max = 64 * 1024;
inline constexpr std::size_t payload_bytes_max = 64 * 1024;  // of a custom allocation's answer
inline constexpr std::size_t webhook_answer_bytes_max = 256 * 1024;
inline constexpr std::size_t assigning_max = 20'000;  // registrations under way, a loop
inline constexpr std::size_t lost_results_max = 1'000;
inline constexpr std::chrono::hours lost_results_age{1};  // spec device-protocols 7.5

}  // namespace twinhub::provisioning
