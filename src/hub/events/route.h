#pragma once

#include "hub/events/hub_event.h"
#include "query/route_condition.h"
#include "twin/twin.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace twinhub::hub {

// What a route takes and where it brings it, as an operator writes it.
struct RouteSettings {
    std::string name;
    std::vector<EventSource> sources;
    std::string condition;             // empty: every event
    std::vector<std::string> project;  // empty: the whole body
    std::string sink;
    std::string dead_letter;  // a sink; empty: a file of the route's own
    bool enabled = true;

    friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

// What a route says of an event.
enum class Verdict : std::uint8_t {
    takes,
    leaves,
    cannot_say  // the condition is undefined: left, and said in the log
};

// The part of a route that decides: pure, used on any thread.
class Route {
public:
    // Errors: argument_invalid, led by "condition" or "project".
    static Result<Route> make(RouteSettings settings);

    const RouteSettings& settings() const { return settings_; }
    bool hears(EventSource source) const { return sources_[static_cast<std::size_t>(source)]; }
    bool is_recorded() const;  // hears what the feed tells
    bool is_passing() const;   // hears what passes by
    bool reads_twin() const { return reads_.twin; }

    // Whether it takes the event, whose source it hears. `twin`: {"tags", "properties"}, nullptr
    // when nobody has it.
    Verdict judge(HubEvent& event, const json::object* twin, Instant now) const;
    // Makes the body what the route wants of it. For an event that it takes.
    void project(HubEvent& event, const json::object* twin) const;

private:
    RouteSettings settings_;
    std::array<bool, event_sources> sources_{};
    query::RouteCondition condition_;
    std::optional<query::RouteProjection> projection_;
    query::RouteReads reads_;
};

// What `$twin` shows: the service view's tags and properties.
json::object twin_for_routes(const twin::Twin& twin);

}  // namespace twinhub::hub
