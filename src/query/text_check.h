#pragma once

#include "query/query_error.h"

#include <string_view>

namespace twinhub::query {

// Whether a text may be read at all: valid UTF-8 of limited length (spec query-language 1).
Checked<> check_text(std::string_view text);

}  // namespace twinhub::query
