#include "query/names.h"

#include "base/encoding.h"

#include <algorithm>
#include <span>

namespace twinhub::query {
namespace {

struct SystemName {
    std::string_view name;
    bool time = false;
};

// Spec twin-document 1.
constexpr SystemName twin_names[] = {
    {"deviceId"},
    {"moduleId"},
    {"etag"},
    {"deviceEtag"},
    {"version"},
    {"status"},
    {"statusReason"},
    {"statusUpdateTime", true},
    {"connectionState"},
    {"lastActivityTime", true},
    {"cloudToDeviceMessageCount"},
    {"authenticationType"},
    {"x509Thumbprint"},
    {"modelId"},
    {"capabilities"},
    {"deviceScope"},
    {"parentScopes"},
    {"configurations"},
    {"attributes"},
    {"tags"},
    {"properties"},
    {"$drift"},
    {"$connection"},
};

// Spec query-language 3.
constexpr SystemName job_names[] = {
    {"deviceId"},
    {"jobId"},
    {"jobType"},
    {"status"},
    {"startTimeUtc", true},
    {"endTimeUtc", true},
    {"createdDateTimeUtc", true},
    {"lastUpdatedDateTimeUtc", true},
    {"outcome"},
    {"error"},
};

std::span<const SystemName> names_of(Collection collection) {
    if (collection == Collection::jobs) return job_names;
    return twin_names;
}

bool is_key(const Segment& segment, std::string_view key) {
    const auto* text = std::get_if<std::string>(&segment);
    return text && equals_ignoring_case(*text, key);
}

// `devices.x` and `devices.modules.x` in devices.modules are x.
void drop_qualifier(Collection collection, std::vector<Segment>& segments) {
    const auto key_at = [&](std::size_t i) {
        return i < segments.size() && std::holds_alternative<std::string>(segments[i]);
    };
    if (!key_at(1) || !is_key(segments[0], "devices")) return;
    std::size_t drop = 1;
    if (key_at(2)) {
        if (collection == Collection::modules && is_key(segments[1], "modules")) drop = 2;
        if (collection == Collection::jobs && is_key(segments[1], "jobs")) drop = 2;
    }
    segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(drop));
}

}  // namespace

Path canonical_path(Collection collection, std::vector<Segment> segments) {
    drop_qualifier(collection, segments);
    Path path{.segments = std::move(segments), .time = false};
    if (collection == Collection::devices && is_key(path.segments[0], "id"))
        path.segments[0] = "deviceId";
    if (collection == Collection::jobs && is_key(path.segments[0], "createdTimeUtc"))
        path.segments[0] = "createdDateTimeUtc";
    for (const SystemName& row : names_of(collection)) {
        if (!is_key(path.segments[0], row.name)) continue;
        path.segments[0] = std::string(row.name);
        path.time = row.time && path.segments.size() == 1;
    }
    if (collection != Collection::jobs && path.segments.size() > 1 &&
        is_key(path.segments[0], "properties"))
        for (const std::string_view part : {"desired", "reported"})
            if (is_key(path.segments[1], part)) path.segments[1] = std::string(part);
    const std::string* key = last_key(path);
    if (key && *key == "$lastUpdated") path.time = true;
    if (key && *key == "since" && path.segments.size() == 2 && is_pseudo(path)) path.time = true;
    return path;
}

Path event_path(std::vector<Segment> segments) {
    Path path{.segments = std::move(segments), .time = false};
    const Segment& last = path.segments.back();
    const bool single = path.segments.size() == 1;
    path.time = (single && (is_key(last, "$enqueuedTime") || is_key(last, "operationTimestamp"))) ||
                is_key(last, "$lastUpdated");
    return path;
}

bool is_pseudo(const Path& path) {
    return path.segments[0] == Segment("$drift") || path.segments[0] == Segment("$connection");
}

std::optional<std::string> drift_place(const Path& path) {
    if (path.segments.size() < 3 || path.segments[0] != Segment("properties") ||
        path.segments[1] != Segment("desired"))
        return std::nullopt;
    std::string place;
    for (std::size_t i = 2; i < path.segments.size(); ++i) {
        const auto* key = std::get_if<std::string>(&path.segments[i]);
        if (key == nullptr) return std::nullopt;
        if (i > 2) place += '.';
        place += *key;
    }
    return place;
}

Path drift_cell(std::string place) {
    return {.segments = {"$drift", "at", std::move(place)}, .time = false};
}

bool is_system_name(Collection collection, std::string_view name) {
    return std::ranges::any_of(names_of(collection), [&](const SystemName& row) {
        return equals_ignoring_case(row.name, name);
    });
}

const std::string* last_key(const Path& path) {
    return std::get_if<std::string>(&path.segments.back());
}

bool is_at_or_below(const Path& path, const Path& above) {
    return path.segments.size() >= above.segments.size() &&
           std::equal(above.segments.begin(), above.segments.end(), path.segments.begin());
}

}  // namespace twinhub::query
