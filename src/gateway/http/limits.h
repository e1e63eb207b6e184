#pragma once

#include <chrono>
#include <cstddef>

namespace twinhub::gateway::http {

// What one peer can make the service door hold or wait for.
struct Limits {
    std::size_t header_bytes_max = 16 * 1024;   // request line and fields together
    std::size_t body_bytes_max = 1024 * 1024;   // a route may ask for less
    std::size_t unsent_bytes_max = 256 * 1024;  // no further request is read above this
    std::size_t linger_bytes_max =
        8 * 1024 * 1024;  // thrown away after a refusal, so that the peer can read it
    std::chrono::seconds first_byte{30};  // from the handshake to the first request
    std::chrono::seconds header{30};      // from the first byte of a request to its last field
    std::chrono::seconds body{60};
    std::chrono::seconds idle{120};  // between requests
    std::chrono::seconds send{60};   // for the peer to take an answer
    std::chrono::seconds linger{5};
    std::size_t streams_max = 32;                       // answers of a loop that go on line by line
    std::size_t stream_unsent_bytes_max = 1024 * 1024;  // of one of them; further lines are lost
    std::chrono::seconds heartbeat{15};                 // between signs of life in it
};

// Answered before other connections of the loop get their turn.
inline constexpr int requests_per_turn = 8;
inline constexpr std::size_t path_segments_max = 6;
inline constexpr std::size_t request_id_bytes_max = 64;  // of a client's own id, kept and echoed
inline constexpr std::size_t list_items_max = 1000;      // GET /devices (spec service-api 4.5)
inline constexpr std::size_t bulk_items_max = 100;       // spec service-api 4.6, 4.7
inline constexpr std::size_t page_items_default = 100;   // spec service-api 6.1
inline constexpr std::size_t page_items_max = 1000;
inline constexpr std::size_t page_bytes_max = 4 * 1024 * 1024;  // a page ends early above this
inline constexpr std::size_t query_bytes_max = 64 * 1024;
inline constexpr std::size_t events_waiting_max = 512;  // on their way to one stream
inline constexpr std::size_t live_event_bytes =
    128 * 1024;  // of a live query or the change feed, put at a time
inline constexpr std::size_t gzip_bytes_min = 1024;  // smaller bodies are not worth it

}  // namespace twinhub::gateway::http
