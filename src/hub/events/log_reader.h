#pragma once

#include "hub/events/event_log.h"
#include "hub/events/route_cursors.h"
#include "hub/events/route_reader.h"

#include <memory>
#include <string>

namespace twinhub::hub {

// A route's way through the log of events. Its places are those of a feed with one event a commit.
class LogReader final : public RouteReader {
public:
    // The hub outlives it; the rest are those of its loop.
    LogReader(Hub& hub, std::shared_ptr<EventLog> log, std::shared_ptr<RouteCursors> cursors,
              std::shared_ptr<const Route> route);

    Task<Result<RoutePage>> page(ChangeCursor from) override;
    ChangeCursor newest() const override { return {log_->newest(), 0}; }
    Task<Result<ChangeCursor>> oldest() const override;
    std::shared_ptr<void> listen(std::function<void()> news) override;
    bool is_settled() const override { return log_->is_settled(); }
    std::optional<ChangeCursor> saved() const override;
    Task<Result<>> save(ChangeCursor cursor) override;

private:
    Task<std::optional<json::object>> twin_now(TwinId id);
    std::uint64_t losses() const;  // of what the route hears

    Hub& hub_;
    std::shared_ptr<EventLog> log_;
    std::shared_ptr<RouteCursors> cursors_;
    std::shared_ptr<const Route> route_;
    const std::string name_;  // of its place
    std::uint64_t losses_told_ = 0;
};

}  // namespace twinhub::hub
