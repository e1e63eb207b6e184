#pragma once

#include "base/result.h"
#include "gateway/http/request.h"

#include <cstddef>
#include <string>
#include <vector>

namespace twinhub::gateway::http {

// How many items a page may have: x-ms-max-item-count, clamped, or the default (spec service-api
// 6.1). Errors: argument_invalid for what is no number from 1 on.
Result<std::size_t> page_items(const Request& request);

// Appends rows of JSON as an array.
void append_rows(std::string& body, const std::vector<std::string>& rows);

}  // namespace twinhub::gateway::http
