#pragma once

#include <cstdint>
#include <string_view>

namespace twinhub::protocol::mqtt {

// Why a connection ended: a label of logs and metrics.
enum class CloseReason : std::uint8_t {
    client_disconnect,  // DISCONNECT came
    connection_lost,    // the socket ended without it
    taken_over,         // a newer connection of the same identity
    connect_timeout,    // no CONNECT in time
    keep_alive_timeout,
    credential_expired,
    identity_gone,  // deleted, disabled or its key replaced
    shutting_down,
    slow_consumer,  // does not read what is sent to it
    first_packet_not_connect,
    second_connect,
    protocol_level_refused,
    identity_malformed,  // client id or user name
    will_refused,
    not_authorized,
    server_unavailable,
    packet_malformed,
    packet_too_large,
    message_too_large,   // payload and properties above 256 KiB
    pipelined_too_much,  // too many bytes before the CONNACK
    qos2,
    topic_refused,      // a topic that is not this identity's to publish to
    packet_unexpected,  // one that only a server sends
};

std::string_view name_of(CloseReason reason);

}  // namespace twinhub::protocol::mqtt
