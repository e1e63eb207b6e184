#include "protocol/mqtt/close_reason.h"

namespace twinhub::protocol::mqtt {

std::string_view name_of(CloseReason reason) {
    switch (reason) {
        case CloseReason::client_disconnect: return "client_disconnect";
        case CloseReason::connection_lost: return "connection_lost";
        case CloseReason::taken_over: return "taken_over";
        case CloseReason::connect_timeout: return "connect_timeout";
        case CloseReason::keep_alive_timeout: return "keep_alive_timeout";
        case CloseReason::credential_expired: return "credential_expired";
        case CloseReason::identity_gone: return "identity_gone";
        case CloseReason::shutting_down: return "shutting_down";
        case CloseReason::slow_consumer: return "slow_consumer";
        case CloseReason::first_packet_not_connect: return "first_packet_not_connect";
        case CloseReason::second_connect: return "second_connect";
        case CloseReason::protocol_level_refused: return "protocol_level_refused";
        case CloseReason::identity_malformed: return "identity_malformed";
        case CloseReason::will_refused: return "will_refused";
        case CloseReason::not_authorized: return "not_authorized";
        case CloseReason::server_unavailable: return "server_unavailable";
        case CloseReason::packet_malformed: return "packet_malformed";
        case CloseReason::packet_too_large: return "packet_too_large";
        case CloseReason::message_too_large: return "message_too_large";
        case CloseReason::pipelined_too_much: return "pipelined_too_much";
        case CloseReason::qos2: return "qos2";
        case CloseReason::topic_refused: return "topic_refused";
        case CloseReason::packet_unexpected: return "packet_unexpected";
    }
    return "unknown";
}

}  // namespace twinhub::protocol::mqtt
