#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

// What streams of server-sent events have in common.
namespace twinhub::gateway::http {

// One event as text/event-stream has it, but for its last line end. `data` is one line; without an
// `id` a client that comes back names the one before.
std::string framed_event(std::string_view name, std::string_view id, std::string_view data);

// Why a stream cannot go on: {"error":...,"message":...}.
std::string error_data(const Error& error);

}  // namespace twinhub::gateway::http
