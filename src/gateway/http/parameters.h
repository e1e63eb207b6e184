#pragma once

#include "gateway/http/handlers.h"

#include <chrono>
#include <cstddef>
#include <string_view>

// Parameters that several requests have.
namespace twinhub::gateway::http {

// `limit`: 1 to `most`, `usual` without it. Errors: argument_invalid.
Result<std::size_t> limit_of(const Call& call, std::size_t usual, std::size_t most);

// `window`: how long to look back, "PT6H", with or without the sign of what lies back.
struct Window {
    std::chrono::seconds usual, least, most;
    std::string_view range;  // for who gave another: "PT1H: a minute to a day"
};
// Errors: argument_invalid.
Result<std::chrono::seconds> window_of(const Call& call, const Window& window);

}  // namespace twinhub::gateway::http
