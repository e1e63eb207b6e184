#pragma once

#include "apps/cli/command.h"

#include <string_view>

namespace twinhub::apps::cli {

// What the user wants to see of each message.
struct EventView {
    std::string device;        // an id, or a pattern with '*'; empty = all
    std::string module;        // empty = all, the device's own too
    std::string content_type;  // takes the place of what the message says
    bool annotations = false;
    bool system = false;
    bool application = false;
};

// A line of GET /twinhub/device-events as `az iot hub monitor-events` shows it; nothing for a line
// that is not asked for. What was lost comes as {"lost": N}.
std::optional<json::value> shown_event(std::string_view line, const EventView& view);

// Whether `pattern` is `text`, its '*' standing for any characters.
bool matches_pattern(std::string_view pattern, std::string_view text);

std::vector<Command> event_commands();

}  // namespace twinhub::apps::cli
