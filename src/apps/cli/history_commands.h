#pragma once

#include "apps/cli/command.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps::cli {

// What the twin commands add for the past: history, diff and restore, of devices or modules.
std::vector<Command> history_commands(bool module);

// The option of `device-twin show` for a twin of the past.
Option as_of_option();

// The query of a request for a moment as a person writes it: a time, how long ago ("90s", "30m",
// "2h", "3d"), or a desired version ("31"). Errors: argument_invalid, naming the option.
Result<std::string> moment_query(std::string_view text, std::string_view option);

// "2h" as the server takes it, "-PT2H"; nothing for what says no time ago.
std::optional<std::string> time_ago(std::string_view text);

// Adds what tables show of a change: "who" made it, and "what" it did in a few words,
// "fan.speed: 1 -> 2".
void describe(json::object& change);

// Every value in which two twins differ, as {part, path, before, after}, in the order of the paths:
// tags, desired and reported properties, down to scalars and arrays.
json::array differences(const json::value& before, const json::value& after);

}  // namespace twinhub::apps::cli
