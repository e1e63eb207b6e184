#pragma once

#include "gateway/routes/route_runner.h"
#include "hub/events/event_log.h"
#include "hub/events/route.h"

#include <memory>
#include <string>
#include <vector>

namespace twinhub::gateway {

// All routes of a hub with their sinks, on one loop (docs/routes.md). Filled before the loops run.
class Routes final : private Deadline {
public:
    // `log`: what routes read that hear what passes by.
    Routes(std::shared_ptr<hub::EventLog> log, RouteSeams seams);
    ~Routes() override;

    // A sink that routes or dead letters go to; kept until the end.
    void keep(std::shared_ptr<RouteSink> sink) { sinks_.push_back(std::move(sink)); }
    void add(std::shared_ptr<const hub::Route> route, RouteReaders readers,
             std::shared_ptr<RouteSink> sink, std::vector<std::shared_ptr<RouteSink>> graves,
             RouteOptions options);
    // One that is not enabled: it is shown and tested, and delivers nothing.
    void add_disabled(std::shared_ptr<const hub::Route> route);

    // On the loop, as finish and stop.
    void start();
    void finish();
    void stop();
    // Whether all routes have ended after finish(). Any thread.
    bool is_finished() const;

    struct Report {
        std::shared_ptr<const hub::Route> route;
        RouteState state;
    };
    // On any loop.
    Task<std::vector<Report>> report();

    // What each route says of an event, in their order; takes those that hear its source.
    struct Trial {
        std::shared_ptr<const hub::Route> route;
        hub::Verdict verdict = hub::Verdict::leaves;
        std::string body;  // as the sink would get it; only when it takes it
    };
    std::vector<Trial> test(const hub::HubEvent& event, const json::object* twin,
                            Instant now) const;

private:
    struct Entry {
        std::shared_ptr<const hub::Route> route;
        std::shared_ptr<RouteRunner> runner;  // nullptr: not enabled
    };
    void expired(Moment now) override;

    const std::shared_ptr<hub::EventLog> log_;
    RouteSeams seams_;
    std::vector<std::shared_ptr<RouteSink>> sinks_;
    std::vector<Entry> entries_;
};

}  // namespace twinhub::gateway
