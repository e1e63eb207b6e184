#pragma once

#include "query/plan.h"

#include <string>

namespace twinhub::query {

// An expression as the language writes it, with the fewest parentheses: for EXPLAIN and the
// slow-query log. Compiled again over the same collection it is the same expression.
std::string to_text(const Plan& plan, ExprIndex expr);

// A path of the plan.
std::string to_text(const Plan& plan, const Path& path);

}  // namespace twinhub::query
