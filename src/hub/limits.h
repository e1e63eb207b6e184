#pragma once

#include <chrono>

namespace twinhub::hub {

// How long work on queries may hold a loop before others have their turn.
inline constexpr std::chrono::milliseconds slice_time{1};
// How long an answer waits for its next page (spec query-language 1).
inline constexpr std::chrono::minutes answer_age{5};

}  // namespace twinhub::hub
