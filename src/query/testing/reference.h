#pragma once

#include "query/plan.h"

#include <optional>
#include <vector>

// The slow, obvious reading of the language: documents in, rows out. Written apart from the code
// that it judges: it shares only RE2, the maths of places and the tables of letters' cases.
namespace twinhub::query::testing {

// A value of the language; nothing is undefined.
using Maybe = std::optional<json::value>;
Maybe value_in(const Plan& plan, ExprIndex expr, const json::object& document, Instant now);

// Whether the document is in the answer.
bool selects(const Plan& plan, const json::object& document, Instant now);

// The rows of the answer. `documents` are the rows of the plan's collection, in any order; the rows
// come in the order that executors keep: that of ORDER BY, then of deviceId, moduleId, jobId;
// groups by their keys as ORDER BY orders them, arrays and objects by their canonical JSON.
std::vector<json::object> answer(const Plan& plan, const std::vector<json::object>& documents,
                                 Instant now);

// The same for documents that have passed the condition elsewhere.
std::vector<json::object> answer_of_selected(const Plan& plan,
                                             const std::vector<const json::object*>& selected);

// Members in the order of their keys, numbers by value: equal texts for equal values.
std::string canonical_json(const json::value& value);

// Rows as equal texts when they are equal: for comparing answers whose order is free.
std::vector<std::string> canonical_rows(const std::vector<json::object>& rows);

}  // namespace twinhub::query::testing
