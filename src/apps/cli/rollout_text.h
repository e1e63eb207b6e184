#pragma once

#include "base/json.h"

#include <string>

// Rollouts in words and bars, for people at a terminal.
namespace twinhub::apps::cli {

// What a plan would do, as one screen.
std::string planned_text(const json::object& plan);

// Where a rollout stands: a line a wave with its bar, the gates against their limits, what it
// waits for and the last decisions.
std::string rollout_text(const json::object& rollout);

// The same in one line, for output that is no terminal.
std::string rollout_line(const json::object& rollout);

}  // namespace twinhub::apps::cli
