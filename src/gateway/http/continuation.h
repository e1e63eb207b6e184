#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// What a page of results hands out so that the next can be asked for (spec service-api 6.1):
// opaque, header-safe, and good only for the same query, in the same dialect, of the same caller.
struct ContinuationScope {
    std::string_view query;
    std::string_view principal;
    std::string_view dialect;
};

std::string make_continuation(const ContinuationScope& scope, std::string_view cursor);

// The cursor. Errors: argument_invalid for one that was not made for this scope.
Result<std::string> read_continuation(const ContinuationScope& scope, std::string_view token);

}  // namespace twinhub::gateway::http
