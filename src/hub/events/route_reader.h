#pragma once

#include "base/task.h"
#include "hub/changes/change_cursor.h"
#include "hub/events/route.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace twinhub::hub {

// An event that a route takes, ready to go.
struct RoutedEvent {
    ChangeCursor after;  // what to go on from when it is delivered
    HubEvent event;
};

// The next of what a route takes.
struct RoutePage {
    std::vector<RoutedEvent> events;  // may be empty although there is more
    ChangeCursor next;                // behind everything that was looked at
    bool at_end = false;
    std::uint64_t undefined = 0;  // events whose condition could not be decided
    std::uint64_t lost = 0;       // since the last page: never to be read by anybody
};

// What a route reads from, the feed of changes or the log of events, and where it keeps how far it
// is. On the loop of the routes; one page at a time.
class RouteReader {
public:
    virtual ~RouteReader() = default;

    // Errors: history_unavailable (what is behind `from` is no longer kept), argument_invalid
    // (`from` is no place of this feed or log), corrupted.
    virtual Task<Result<RoutePage>> page(ChangeCursor from) = 0;
    virtual ChangeCursor newest() const = 0;
    virtual Task<Result<ChangeCursor>> oldest() const = 0;
    // Calls back on the loop, until the result is destroyed, when something newer is durable.
    virtual std::shared_ptr<void> listen(std::function<void()> news) = 0;
    // Whether nothing that has come is still on its way to where it can be read.
    virtual bool is_settled() const { return true; }

    // Where the route stood when it was saved last, even before a crash; nothing: it is new.
    virtual std::optional<ChangeCursor> saved() const = 0;
    // Comes back when it is durable. Errors: unavailable.
    virtual Task<Result<>> save(ChangeCursor cursor) = 0;
};

}  // namespace twinhub::hub
