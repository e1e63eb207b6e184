#pragma once

#include "base/result.h"
#include "hub/events/route.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::apps {

struct Config;

// One item of the list `routes`, which only the file can hold.
struct RouteConfig {
    hub::RouteSettings settings;
    std::uint64_t attempts_max = 1'000;
    bool from_oldest = false;

    friend bool operator==(const RouteConfig&, const RouteConfig&) = default;
};

inline constexpr std::size_t routes_max = 64;

// Puts the texts, one or the items of a list, into the member `name`. Errors: argument_invalid,
// worded to follow the member's name.
Result<> assign(RouteConfig& route, std::string_view name, const std::vector<std::string>& texts);

// What is wrong with a route as a whole and beside the others: the place of the route in the list,
// and what is wrong.
std::vector<std::pair<std::size_t, std::string>> route_mistakes(const Config& config);

}  // namespace twinhub::apps
