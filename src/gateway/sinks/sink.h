#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/sinks/sink_metrics.h"
#include "hub/device_events.h"

#include <cstddef>

namespace twinhub::gateway {

// Where messages of devices go on to, beside everybody who listens at the moment. A sink holds a
// bounded number of them and keeps none: what does not fit, or cannot be handed over, is lost, and
// counted. All calls on the loop of its executor, but waiting().
class Sink {
public:
    virtual ~Sink() = default;

    // Hears messages from now on.
    virtual void start() = 0;
    // The server is about to end: hands over what waits as soon as it can, and tries nothing again.
    virtual void finish() = 0;
    // Hears no more; what still waits is lost.
    virtual void stop() = 0;

    // Messages that are here and not handed over. On any thread.
    virtual std::size_t waiting() const = 0;
};

// What every sink stands on. All of it outlives the sink, and what the sink runs.
struct SinkSeams {
    hub::DeviceEvents& events;
    Executor executor;
    Executor pool;  // may wait for the disk
    Deadlines& deadlines;
    const Clock& clock;
    Random& random;
    Log& log;
    SinkMetrics& metrics;
};

// Messages on their way to a sink's loop: more are lost before the sink sees them.
inline constexpr std::size_t sink_events_on_their_way_max = 10'000;

}  // namespace twinhub::gateway
