#pragma once

#include "query/plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::query {

// The path in canonical form (spec query-language 3 and 4): a fitting qualifier is dropped, `id`
// and `createdTimeUtc` become what they stand for, system names get their own case, times are
// marked.
Path canonical_path(Collection collection, std::vector<Segment> segments);

// What the paths of a text lead into: twins and jobs, or events and messages on their way to a
// route (section 8), whose names are others.
enum class Names : std::uint8_t { documents, events };

// The path of a routing condition: its root as written, and times marked.
Path event_path(std::vector<Segment> segments);

// Whether this is how a document of the collection begins: deviceId, tags, ...
bool is_system_name(Collection collection, std::string_view name);

// The key of its column when it has no alias: the last segment; nullptr when that is an index.
const std::string* last_key(const Path& path);

// Whether it begins with $drift or $connection: no document has them, the hub knows them beside it.
bool is_pseudo(const Path& path);

// The place below properties.desired that a path of keys leads to, as keys joined by dots.
std::optional<std::string> drift_place(const Path& path);
// The path of how the property or object at that place stands by the documents: "pending",
// "stale", "drifted", "rejected" or "untracked"; undefined where it is converged or not there.
Path drift_cell(std::string place);

// Whether `path` is `above` or something below it.
bool is_at_or_below(const Path& path, const Path& above);

}  // namespace twinhub::query
