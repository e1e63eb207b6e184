#pragma once

#include "query/compile.h"
#include "query/names.h"
#include "query/syntax.h"

#include <string_view>

namespace twinhub::query {

// The plan of a parsed query: names in canonical form, types and columns checked, constants folded.
// `text` is what was parsed.
Checked<Plan> check(const SyntaxQuery& query, std::string_view text, const Options& options,
                    Names names = Names::documents);

}  // namespace twinhub::query
