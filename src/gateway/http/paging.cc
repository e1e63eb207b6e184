#include "gateway/http/paging.h"

#include "gateway/http/limits.h"

#include <algorithm>
#include <charconv>

namespace twinhub::gateway::http {

Result<std::size_t> page_items(const Request& request) {
    const auto text = request.field(Field::max_item_count);
    if (!text) return page_items_default;
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
    if (error == std::errc::result_out_of_range) return page_items_max;
    if (error != std::errc() || end != text->data() + text->size() || count == 0)
        return failure(Code::argument_invalid, "The page size must be a number from 1 to 1000",
                       "x-ms-max-item-count");
    return std::min(count, page_items_max);
}

void append_rows(std::string& body, const std::vector<std::string>& rows) {
    std::size_t bytes = 2;
    for (const std::string& row : rows) bytes += row.size() + 1;
    body.reserve(bytes);
    body += '[';
    for (const std::string& row : rows) {
        if (body.size() > 1) body += ',';
        body += row;
    }
    body += ']';
}

}  // namespace twinhub::gateway::http
