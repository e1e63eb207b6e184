#pragma once

#include "base/json.h"
#include "base/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// A value for one place below properties.desired; null takes away what is there.
struct Setting {
    std::vector<std::string> keys;  // empty: properties.desired itself, then the value is an object
    json::value value;

    friend bool operator==(const Setting&, const Setting&) = default;
};
using TwinSettings = std::vector<Setting>;  // a place before what is below it

// Whose twins a configuration sets (spec service-api 9.2).
enum class ContentKind : std::uint8_t { device = 0, module = 1, edge = 2 };
std::string_view name_of(ContentKind kind);  // deviceContent, moduleContent, modulesContent

// What a configuration says, read.
struct Content {
    ContentKind kind = ContentKind::device;
    json::object source;    // as it was sent: the one member that name_of(kind) names
    TwinSettings settings;  // of device and module
    std::map<std::string, TwinSettings, std::less<>> modules;  // of edge, by module

    // A deployment that goes on top of a whole one: it names deeper places of $edgeAgent alone.
    bool is_layered() const;
    // The modules of a device that a deployment needs: those that it sets and those that it has the
    // runtime start. In order, each once.
    std::vector<std::string> module_ids() const;

    friend bool operator==(const Content&, const Content&) = default;
};

// Reads `content` of a configuration. Errors: configuration_content_invalid with the path, such as
// content.deviceContent.properties.desired.fan.
Result<Content> parse_content(const json::object& content);

// "properties.desired.fan.speed", as a content names the place.
std::string place_of(const Setting& setting);
// Whether one place is the other, or above it.
bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace twinhub::hub
