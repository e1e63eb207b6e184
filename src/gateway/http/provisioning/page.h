#pragma once

#include "gateway/http/handlers.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// Which page of a list is asked for (spec service-api 6.1, 11.4).
struct PageRequest {
    std::string list;  // what the continuation is bound to, with the caller
    std::string cursor;
    std::size_t items = 0;
};

// From x-ms-max-item-count and x-ms-continuation. Errors: argument_invalid.
Result<PageRequest> page_request(const Call& call, std::string list);

// The headers of the page: what its items are, and how to go on.
void end_page(Call& call, const PageRequest& page, std::string_view item_type,
              std::string_view next_cursor);

}  // namespace twinhub::gateway::http
