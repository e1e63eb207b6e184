// What the MQTT session and a shared access signature cost, without socket, TLS and hub.
#include "protocol/mqtt/session.h"
#include "protocol/sas/token.h"

#include <benchmark/benchmark.h>

namespace twinhub::protocol {
namespace {

constexpr std::string_view report_topic =
    "$iothub/twin/PATCH/properties/reported/?$rid=5b1c7c1e-0f5e-4c5e-9d3e-0123456789ab";
constexpr std::string_view report_body =
    R"({"temperature":21.5,"humidity":44,"fan":{"speed":1200,"on":true},"at":1700000000000})";

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

// An accepted session that is subscribed to its answers.
struct Connection {
    Connection() {
        std::string bytes;
        encode(mqtt::Connect{.keep_alive_seconds = 60,
                             .client_id = "device-000001",
                             .will = {},
                             .user_name = "h/device-000001/?api-version=2021-04-12",
                             .password = "token"},
               bytes);
        session.receive(bytes_of(bytes), {}, out, events);
        session.accept({.restored = {mqtt::Subscription::twin_responses, {}}}, {}, out, events);
        events.clear();
        out.clear();
    }

    mqtt::Limits limits;
    mqtt::Session session{limits, {}};
    std::string out;
    mqtt::Events events;
};

// A QoS 1 report in, PUBACK and 204 out; the packet comes in `pieces`.
void report(benchmark::State& state) {
    Connection connection;
    std::string packet;
    encode(mqtt::Publish{.topic = report_topic,
                         .payload = report_body,
                         .qos = mqtt::Qos::at_least_once,
                         .packet_id = 7},
           packet);
    const std::size_t piece = packet.size() / static_cast<std::size_t>(state.range(0)) + 1;
    std::uint64_t version = 1000;
    for (auto _ : state) {
        for (std::string_view rest = packet; !rest.empty();
             rest.remove_prefix(std::min(piece, rest.size())))
            connection.session.receive(bytes_of(rest.substr(0, piece)), {}, connection.out,
                                       connection.events);
        const auto& event = std::get<mqtt::Report>(connection.events.list.front());
        connection.session.twin_response(event.rid, 204, ++version, "", connection.out);
        benchmark::DoNotOptimize(connection.out.data());
        connection.events.clear();
        connection.out.clear();
    }
}
BENCHMARK(report)->ArgName("pieces")->Arg(1)->Arg(2);

void desired_notification(benchmark::State& state) {
    Connection connection;
    std::string packet;
    encode(
        mqtt::Subscribe{1, {{"$iothub/twin/PATCH/properties/desired/#", mqtt::Qos::at_most_once}}},
        packet);
    connection.session.receive(bytes_of(packet), {}, connection.out, connection.events);
    std::uint64_t version = 1000;
    for (auto _ : state) {
        connection.out.clear();
        connection.session.desired_changed(++version, report_body, connection.out);
        benchmark::DoNotOptimize(connection.out.data());
    }
}
BENCHMARK(desired_notification);

// From CONNECT to CONNACK, with all that a connection allocates.
void connect(benchmark::State& state) {
    for (auto _ : state) {
        Connection connection;
        benchmark::DoNotOptimize(&connection);
    }
    state.counters["session_bytes"] = sizeof(mqtt::Session);
}
BENCHMARK(connect);

// All checks of a device's token.
void token(benchmark::State& state) {
    const std::vector<std::string> hosts = {"twin.example.com"};
    const TwinId id{DeviceId::parse("dev-01").value(), {}};
    const std::string key(32, 'k');
    const std::string text = sas::make_token({.resource = "twin.example.com/devices/dev-01",
                                              .key = key,
                                              .expiry = 1893456000,
                                              .policy = {}});
    for (auto _ : state) {
        const auto parsed = sas::parse_token(text);
        const bool good =
            parsed && !sas::is_expired(*parsed, Instant(std::chrono::seconds(1800000000))) &&
            sas::covers_identity(parsed->resource, hosts, id, sas::KeyOwner::identity) &&
            sas::signed_by(*parsed, key);
        if (!good) state.SkipWithError("the token was refused");
    }
}
BENCHMARK(token);

}  // namespace
}  // namespace twinhub::protocol
