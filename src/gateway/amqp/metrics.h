#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace twinhub::gateway::amqp {

enum class CloseReason : std::uint8_t {
    closed_by_peer,
    connection_lost,
    not_amqp,
    malformed,
    limit_exceeded,
    refused,         // SASL PLAIN with a credential that is not good
    not_authorised,  // nobody proved who they are in time
    expired,         // the last credential has
    idle,
    slow_consumer,
    taken_over,
    identity_gone,
    shutting_down,
};
std::string_view name_of(CloseReason reason);

// What the AMQP door counts. Made in apps/, shared by all loops.
struct AmqpMetrics {
    explicit AmqpMetrics(prometheus::Registry& registry);
    void closed(CloseReason reason);

    prometheus::Gauge& connections;
    prometheus::Gauge& links;
    prometheus::Counter& tokens_accepted;
    prometheus::Counter& tokens_refused;
    prometheus::Counter& links_refused;
    prometheus::Counter& links_detached;  // by us
    prometheus::Counter& telemetry;
    prometheus::Counter& telemetry_bytes;
    prometheus::Counter& paused;

private:
    static constexpr std::size_t reasons = static_cast<std::size_t>(CloseReason::shutting_down) + 1;
    prometheus::Family<prometheus::Counter>& closes_;
    std::array<prometheus::Counter*, reasons> closes_by_reason_{};
};

}  // namespace twinhub::gateway::amqp
