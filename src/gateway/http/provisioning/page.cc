#include "gateway/http/provisioning/page.h"

#include "gateway/http/continuation.h"
#include "gateway/http/limits.h"

#include <charconv>

namespace twinhub::gateway::http {
namespace {

ContinuationScope scope_of(const Call& call, const std::string& list) {
    return {.query = list, .principal = call.principal.name, .dialect = "provisioning"};
}

}  // namespace

Result<PageRequest> page_request(const Call& call, std::string list) {
    PageRequest page{.list = std::move(list), .cursor = {}, .items = page_items_default};
    if (const auto text = call.request.field(Field::max_item_count); text && !text->empty()) {
        const auto [end, error] =
            std::from_chars(text->data(), text->data() + text->size(), page.items);
        if (error == std::errc::result_out_of_range) page.items = page_items_max;
        else if (error != std::errc() || end != text->data() + text->size() || page.items == 0)
            return failure(Code::argument_invalid, "The page size must be a number from 1 to 1000",
                           "x-ms-max-item-count");
        page.items = std::min(page.items, page_items_max);
    }
    if (const auto token = call.request.field(Field::continuation); token && !token->empty()) {
        TRY(page.cursor, read_continuation(scope_of(call, page.list), *token));
    }
    return page;
}

void end_page(Call& call, const PageRequest& page, std::string_view item_type,
              std::string_view next_cursor) {
    call.reply.add_field("x-ms-item-type", item_type);
    if (!next_cursor.empty())
        call.reply.add_field("x-ms-continuation",
                             make_continuation(scope_of(call, page.list), next_cursor));
}

}  // namespace twinhub::gateway::http
