#pragma once

#include "protocol/mqtt/close_reason.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>

namespace twinhub::gateway::mqtt {

// What the device door counts. Made in apps/, shared by all loops.
struct MqttMetrics {
    explicit MqttMetrics(prometheus::Registry& registry);
    void closed(protocol::mqtt::CloseReason reason);

    prometheus::Gauge& connections;
    prometheus::Counter& accepted;   // CONNECT answered with 0
    prometheus::Counter& refused;    // CONNECT answered with another code
    prometheus::Counter& telemetry;  // device messages acknowledged
    prometheus::Counter& telemetry_bytes;
    prometheus::Counter& paused;  // reading stopped because the device is owed too much

private:
    prometheus::Family<prometheus::Counter>& closes_;
    std::array<prometheus::Counter*, 32> closes_by_reason_{};
};

}  // namespace twinhub::gateway::mqtt
