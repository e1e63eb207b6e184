#pragma once

#include "hub/changes/twins_after.h"
#include "hub/events/route_cursors.h"
#include "hub/events/route_reader.h"

#include <memory>

namespace twinhub::hub {

// A route's way through the feed of a hub: reads changes, makes the events that the route hears,
// and keeps those that it takes, all on the pool.
class FeedReader final : public RouteReader {
public:
    // Everything outlives it; `cursors` are those of its loop.
    FeedReader(Hub& hub, Executor loop, std::shared_ptr<RouteCursors> cursors,
               std::shared_ptr<const Route> route);

    Task<Result<RoutePage>> page(ChangeCursor from) override;
    ChangeCursor newest() const override;
    Task<Result<ChangeCursor>> oldest() const override;
    std::shared_ptr<void> listen(std::function<void()> news) override;
    std::optional<ChangeCursor> saved() const override;
    Task<Result<>> save(ChangeCursor cursor) override;

private:
    Result<RoutePage> read(ChangeCursor from);

    Hub& hub_;
    Executor loop_;
    std::shared_ptr<RouteCursors> cursors_;
    std::shared_ptr<const Route> route_;
    std::shared_ptr<TwinsAfter> twins_;
};

}  // namespace twinhub::hub
