#pragma once

#include "base/result.h"
#include "hub/series/settings.h"
#include "query/plan.h"
#include "query/value.h"
#include "twin/twin.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// A path by whose values the series is kept.
struct SeriesPath {
    enum class Part : std::uint8_t { tags, desired, reported };
    std::string text;  // tags.site, properties.reported.fw: keys joined by dots
    Part part = Part::tags;
    std::vector<std::string> keys;  // below the part, one or more

    // `reported.fw` stands for properties.reported.fw. Errors: argument_invalid for what is no path
    // below tags, desired or reported properties.
    static Result<SeriesPath> parse(std::string_view text);
    static Result<SeriesPath> of(const query::Path& path);

    const twin::Node& root(const twin::Twin& twin) const;
    query::Value value(const twin::Twin& twin) const;  // borrowed; may be undefined

    friend bool operator==(const SeriesPath&, const SeriesPath&) = default;
};

// Errors: argument_invalid for what is no path, and for too many of them.
Result<std::vector<SeriesPath>> series_paths(const SeriesSettings& settings);

// As the series names a value: scalars as JSON. Nothing: it goes with the remainder (an object, an
// array, a long text).
std::optional<std::string> series_name(const query::Value& value);

// Which values of the paths have a series of their own. Shared by the loops: a value has the same
// group on each. Values get a group while there is room, and keep it until the hub ends.
class SeriesNames {
public:
    using Group = std::uint16_t;
    static constexpr Group missing = 0;
    static constexpr Group rest = 1;
    static constexpr Group named = 2;  // the first one

    explicit SeriesNames(std::vector<SeriesPath> paths);

    const std::vector<SeriesPath>& paths() const { return paths_; }
    // By an index into paths(). At start: this one gets a group, while there is room.
    void keep(std::size_t path, std::string name);
    Group group_of(std::size_t path, const query::Value& value);
    // By group, from `named` on.
    std::vector<std::string> names(std::size_t path) const;

private:
    struct Names {
        std::map<std::string, Group, std::less<>> groups;
        std::vector<std::string> list;

        Group add(std::string name);
    };
    std::vector<SeriesPath> paths_;
    mutable std::mutex mutex_;
    std::vector<Names> names_;
};

}  // namespace twinhub::hub
