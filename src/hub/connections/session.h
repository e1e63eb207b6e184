#pragma once

#include "base/bytes.h"
#include "base/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

// How a device is connected. Stored: never renumber.
enum class Protocol : std::uint8_t {
    unknown = 0,
    mqtt = 1,
    mqtt_websocket = 2,
    amqp = 3,
    amqp_websocket = 4
};
inline constexpr std::size_t protocol_count = 5;
// mqtt, mqttWebSocket, amqp, amqpWebSocket; empty for one that is not known.
std::string_view name_of(Protocol protocol);

// Why a connection ended. Stored: never renumber.
enum class SessionEnd : std::uint8_t {
    open = 0,                  // it has not
    client_closed = 1,         // the client said goodbye
    connection_lost = 2,       // the socket ended without it
    timeout = 3,               // the client was silent for longer than its keep-alive
    token_expired = 4,         // or its certificate
    protocol_error = 5,        // the client said what it must not
    slow_consumer = 6,         // it did not read what was sent to it
    taken_over = 7,            // a newer connection of the same identity
    disabled = 8,              // the identity
    deleted = 9,               // the same
    credentials_changed = 10,  // what it was let in for does not hold any more
    server_stopped = 11,       // in order
    hub_stopped = 12           // without: it was open when the hub crashed
};
inline constexpr std::size_t session_end_count = 13;
// clientClosed, connectionLost, ..; empty for an open one.
std::string_view name_of(SessionEnd end);

// One connection of a device, as far as it is known: exact, but for what a crash takes.
struct Session {
    // Of the event that began it and of the one that ended it: both rise strictly from event to
    // event of one device, also over restarts. 0: there was none.
    std::uint64_t connected = 0;
    std::uint64_t disconnected = 0;
    std::uint32_t ordinal = 0;  // how many this device had before
    Instant start = never;
    Instant end = never;  // of one that has ended
    Protocol protocol = Protocol::unknown;
    std::uint8_t tls = 0;  // 12 for TLS 1.2, 13 for TLS 1.3; 0: not known, or none
    SessionEnd why = SessionEnd::open;
    std::string address;  // of the client

    bool exists() const { return connected != 0; }
    bool is_open() const { return exists() && why == SessionEnd::open; }

    friend bool operator==(const Session&, const Session&) = default;
};

// What a crash left open has ended when the device was last seen.
void close_left_open(Session& session, Instant seen);

// Stored in presences and as rows of their own; formats only grow.
void append_encoded(std::string& out, const Session& session);
Session decode_session(ByteReader& reader);  // a damaged one shows in the reader

// The number of an event as connection events carry it: 64 hexadecimal digits, compared as texts
// (spec twin-document 12).
std::string sequence_text(std::uint64_t number);

}  // namespace twinhub::hub
