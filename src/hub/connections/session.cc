#include "hub/connections/session.h"

#include <fmt/format.h>

namespace twinhub::hub {
namespace {

constexpr std::array<std::string_view, protocol_count> protocol_names{"", "mqtt", "mqttWebSocket",
                                                                      "amqp", "amqpWebSocket"};
constexpr std::array<std::string_view, session_end_count> end_names{"",
                                                                    "clientClosed",
                                                                    "connectionLost",
                                                                    "timeout",
                                                                    "tokenExpired",
                                                                    "protocolError",
                                                                    "slowConsumer",
                                                                    "takenOver",
                                                                    "disabled",
                                                                    "deleted",
                                                                    "credentialsChanged",
                                                                    "serverStopped",
                                                                    "hubStopped"};

Instant read_instant(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

}  // namespace

std::string_view name_of(Protocol protocol) {
    return protocol_names[static_cast<std::size_t>(protocol)];
}

std::string_view name_of(SessionEnd end) { return end_names[static_cast<std::size_t>(end)]; }

void close_left_open(Session& session, Instant seen) {
    if (!session.is_open()) return;
    session.end = seen > session.start ? seen : session.start;
    session.disconnected = session.connected + 1;
    session.why = SessionEnd::hub_stopped;
}

void append_encoded(std::string& out, const Session& session) {
    append_varint(out, session.connected);
    append_varint(out, session.disconnected);
    append_varint(out, session.ordinal);
    append_signed(out, session.start.time_since_epoch().count());
    append_signed(out, session.end.time_since_epoch().count());
    out += static_cast<char>(session.protocol);
    out += static_cast<char>(session.tls);
    out += static_cast<char>(session.why);
    append_text(out, session.address);
}

Session decode_session(ByteReader& reader) {
    Session session;
    session.connected = reader.varint();
    session.disconnected = reader.varint();
    session.ordinal = static_cast<std::uint32_t>(reader.varint());
    session.start = read_instant(reader);
    session.end = read_instant(reader);
    // What a newer release knows reads as unknown.
    const std::uint8_t protocol = reader.byte();
    if (protocol < protocol_count) session.protocol = static_cast<Protocol>(protocol);
    session.tls = reader.byte();
    const std::uint8_t why = reader.byte();
    session.why =
        why < session_end_count ? static_cast<SessionEnd>(why) : SessionEnd::connection_lost;
    session.address = reader.text();
    return session;
}

std::string sequence_text(std::uint64_t number) { return fmt::format("{:064x}", number); }

}  // namespace twinhub::hub
