#pragma once

#include "base/task.h"
#include "hub/events/hub_event.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::gateway {

using EventBatch = std::shared_ptr<const std::vector<hub::HubEvent>>;

// What became of a batch.
struct Handed {
    enum class Outcome : std::uint8_t {
        done,     // the receiver has all of it, for good
        again,    // not now: part of it may have arrived
        refused,  // the same would be refused for ever
    };
    Outcome outcome = Outcome::done;
    std::string what;                          // why not; holds no secret and no payload
    std::optional<std::chrono::seconds> wait;  // as the receiver asked

    static Handed again(std::string what) { return {Outcome::again, std::move(what), {}}; }
    static Handed refused(std::string what) { return {Outcome::refused, std::move(what), {}}; }
};

// Where routes bring events. All calls on one loop; several batches, of several routes, may be
// under way at once.
class RouteSink {
public:
    virtual ~RouteSink() = default;

    // Hands over in order; comes back when the receiver has it, or in bounded time. Events that
    // arrived before an error arrive again with the batch, with the same ids.
    virtual Task<Handed> deliver(EventBatch events) = 0;

    // What one batch may hold.
    virtual std::size_t events_max() const = 0;
    virtual std::size_t bytes_max() const { return std::size_t{1} << 20; }

    // Ends what is under way, with Outcome::again, and takes no more.
    virtual void stop() = 0;
};

}  // namespace twinhub::gateway
