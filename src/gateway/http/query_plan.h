#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "hub/twins.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// What a query asks for. The seam of the query language: today only whole collections and one
// device by its id.
struct QueryPlan {
    hub::Twins::Collection collection = hub::Twins::Collection::devices;
    std::optional<std::string> device;  // WHERE deviceId = '..': any text, perhaps no device's id

    friend bool operator==(const QueryPlan&, const QueryPlan&) = default;
};

// Errors: argument_invalid, saying that the language is not complete yet.
Result<QueryPlan> parse_query(std::string_view text);

}  // namespace twinhub::gateway::http
