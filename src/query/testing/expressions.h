#pragma once

#include "query/plan.h"

#include <string_view>

// Short ways to a plan and to what an expression is worth, for tests.
namespace twinhub::query::testing {

// A JSON text; fails the test when it is none.
json::value value(std::string_view text);
json::object object(std::string_view text);

// A plan over devices whose `where` is the expression, folded but whatever its type. Fails the test
// when the text is no expression of the extended dialect.
Plan plan_of_expression(std::string_view text,
                        MissingCompares missing = MissingCompares::undefined);

// Its value in the document as JSON text, "undefined" without one.
std::string worth(std::string_view expression, const json::object& document,
                  Instant now = Instant{}, MissingCompares missing = MissingCompares::undefined);

// Same conditions, node for node; offsets aside.
bool same_expression(const Plan& a, ExprIndex in_a, const Plan& b, ExprIndex in_b);

}  // namespace twinhub::query::testing
