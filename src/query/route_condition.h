#pragma once

#include "query/plan.h"
#include "query/query_error.h"
#include "query/value.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>

// Which events a route takes, and what it takes of them (spec query-language 8): the expressions of
// the query language over other names. `$body.…` and `$twin.…` lead into JSON, another name that
// begins with `$` is a system property (or else an application property of that very name), any
// other name is an application property. Names are case-insensitive at every step, texts are not.
// A name may hold dashes: `$dt-subject`, `my-property`; to subtract, put spaces around the minus.
namespace twinhub::query {

using Properties = std::span<const std::pair<std::string, std::string>>;

// What one event shows to a condition. Borrowed.
struct RoutedMessage {
    Properties system;                   // names without the `$`
    Properties application;              // their values are texts
    const json::value* body = nullptr;   // nullptr: it is not JSON
    const json::object* twin = nullptr;  // tags and properties; nullptr: nobody has read it
};

// What `$body.…`, `$twin.…` and the other names read.
struct RouteReads {
    bool body = false;
    bool twin = false;
};

// A condition, compiled once. An empty text and `true` take everything.
class RouteCondition {
public:
    static Checked<RouteCondition> compile(std::string_view text);

    // An event goes on when this is yes. `undefined` counts as no, and is worth a line in a log.
    Truth judge(const RoutedMessage& message, Instant now) const;
    RouteReads reads() const;

private:
    Plan plan_;
};

// "$body.properties.reported.battery, $twin.tags.site AS place, opType": the members of a flat
// object, each named as columns of a query are (section 7); what is undefined is left out.
class RouteProjection {
public:
    // The offsets of its errors are those in the text. Errors: those of a query's columns.
    static Checked<RouteProjection> compile(std::string_view text);

    json::object apply(const RoutedMessage& message) const;
    RouteReads reads() const;

private:
    Plan plan_;
};

}  // namespace twinhub::query
