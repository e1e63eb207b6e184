#pragma once

#include "query/plan.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

// The text that the member `name` at the top of a row must equal for the condition to hold; nothing
// when others hold it too.
std::optional<std::string> demanded_text(const query::Plan& plan, query::ExprIndex index,
                                         std::string_view name);

}  // namespace twinhub::hub
