#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <cstdint>

namespace twinhub::hub {

// What is counted about scheduled jobs (spec twin-document 14).
struct JobMetrics {
    explicit JobMetrics(prometheus::Registry& registry);

    enum class Operation : std::uint8_t { create_twin_update, create_method, cancel, list, query };
    void operation(Operation what, bool success);

    enum class End : std::uint8_t { completed, failed, cancelled };
    void ended(End how);

    // What became of one device.
    enum class Device : std::uint8_t { succeeded, failed };
    void device_ended(Device how);

    prometheus::Gauge& active;              // that wait or run
    prometheus::Gauge& kept;                // all that are known, those that ended included
    prometheus::Gauge& devices_under_way;   // handed out and not answered
    prometheus::Counter& forgotten;         // ended jobs that were removed for their age
    prometheus::Counter& forgotten_early;   // because there were too many
    prometheus::Counter& refused_too_many;  // not taken because so many had not ended
    prometheus::Counter& retried;  // groups of devices that were tried again after the store failed

private:
    std::array<prometheus::Counter*, 10> operations_{};
    std::array<prometheus::Counter*, 3> ended_{};
    std::array<prometheus::Counter*, 2> devices_{};
};

}  // namespace twinhub::hub
