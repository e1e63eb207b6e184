#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>

namespace twinhub::gateway::http {

// What the service door counts. Made in apps/, shared by all loops.
struct HttpMetrics {
    explicit HttpMetrics(prometheus::Registry& registry);

    void answered(unsigned status);

    prometheus::Gauge& connections;
    prometheus::Counter& timeouts;         // connections ended because the peer was too slow
    prometheus::Counter& bodies_refused;   // larger than the limit
    prometheus::Counter& devices_refused;  // requests whose credential was not a device's
    prometheus::Counter& device_messages;  // of all doors together, as the MQTT door counts them
    prometheus::Counter& device_message_bytes;

private:
    std::array<prometheus::Counter*, 3> answers_{};  // 2xx, 4xx, 5xx
};

}  // namespace twinhub::gateway::http
