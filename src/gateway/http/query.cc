#include "gateway/http/continuation.h"
#include "gateway/http/handlers.h"
#include "gateway/http/json_members.h"
#include "gateway/http/query_plan.h"
#include "gateway/http/twin_json.h"

#include <charconv>

namespace twinhub::gateway::http {
namespace {

constexpr std::size_t slice_items =
    64;  // twins taken at once, so that a page's bytes can be bounded

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

void append_item(std::string& body, const hub::TwinView& view) {
    if (body.size() > 1) body += ',';
    append_twin(body, view);
}

// One device, or none: an unknown id is an empty result, not an error.
Task<Result<>> one_device(Call& call, std::string name) {
    auto id = DeviceId::parse(name);
    if (!id) co_return Result<>();
    TwinId twin_id{std::move(*id), {}};
    const auto view = co_await call.hub.twins().get(std::move(twin_id));
    if (view) append_item(call.reply.body, *view);
    else if (view.error().code != Code::device_not_found) co_return std::unexpected(view.error());
    co_return Result<>();
}

}  // namespace

Task<Result<>> query_twins(Call& call) {
    const Moment began = call.hub.clock().monotonic();
    CO_TRY(const json::object request, json_object(call));
    CO_TRY(const auto query, text_member(request, "query"));
    if (!query || query->empty())
        co_return failure(Code::argument_null, "The query is missing", "query");
    CO_TRY(const QueryPlan plan, parse_query(*query));
    CO_TRY(const std::size_t count, page_items(call.request));
    const ContinuationScope scope{*query, call.principal.name};
    std::string cursor;
    if (const auto token = call.request.field(Field::continuation); token && !token->empty()) {
        CO_TRY(cursor, read_continuation(scope, *token));
    }

    std::string& body = call.reply.body;
    body += '[';
    if (plan.device) {
        CO_TRY_VOID(co_await one_device(call, *plan.device));
        cursor.clear();
    } else {
        std::size_t taken = 0;
        do {
            CO_TRY(const hub::TwinPage page,
                   co_await call.hub.twins().page(plan.collection, cursor,
                                                  std::min(count - taken, slice_items)));
            for (const hub::TwinView& view : page.twins) append_item(body, view);
            taken += page.twins.size();
            cursor = page.cursor;
        } while (!cursor.empty() && taken < count && body.size() < page_bytes_max);
    }
    body += ']';
    call.hub.metrics().query_seconds.Observe(
        std::chrono::duration<double>(call.hub.clock().monotonic() - began).count());
    // On every page, and in this spelling (spec service-api 6.1).
    call.reply.add_field("x-ms-item-type", "Twin");
    if (!cursor.empty())
        call.reply.add_field("x-ms-continuation", make_continuation(scope, cursor));
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
