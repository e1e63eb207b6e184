#pragma once

#include "base/json.h"

#include <string>

namespace twinhub::apps::cli {

// Who changed something, from `by` of an answer: "service", "rollout cam-quality for service",
// "configuration cam-base version 3 for service", "pump-1/monitor" (which reported).
std::string author_words(const json::object& by);

}  // namespace twinhub::apps::cli
