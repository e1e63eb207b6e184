#include "base/encoding.h"
#include "base/json_members.h"
#include "gateway/http/continuation.h"
#include "gateway/http/handlers.h"
#include "gateway/http/paging.h"
#include "gateway/http/query_refusal.h"
#include "hub/jobs/jobs.h"
#include "hub/queries.h"
#include "query/compile.h"

#include <fmt/format.h>

namespace twinhub::gateway::http {
namespace {

using Outcome = hub::Metrics::QueryOutcome;

constexpr std::size_t logged_characters_max = 500;  // of the text of a slow query

// Spec service-api 6.1: on every page, and in this spelling.
std::string_view item_type(const query::Plan& plan) {
    if (plan.explain != query::Explain::no || !plan.star) return "Raw";
    return plan.collection == query::Collection::jobs ? "DeviceJob" : "Twin";
}

Outcome outcome_of(Code code) {
    switch (code) {
        case Code::throttled: return Outcome::throttled;
        case Code::unavailable: return Outcome::unavailable;
        case Code::internal:
        case Code::corrupted: return Outcome::failed;
        default: return Outcome::refused;
    }
}

// As much as the log takes, cut between characters.
std::string_view shortened(std::string_view text) {
    if (text.size() <= logged_characters_max) return text;
    std::size_t end = logged_characters_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    return text.substr(0, end);
}

double milliseconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

bool is_slow(Call& call, std::chrono::nanoseconds time) {
    if (time < call.hub.settings().query_slow) return false;
    call.hub.metrics().queries_slow.Increment();
    return true;
}

void account_for(Call& call, const query::Plan& plan, const hub::QueryPage& page, bool continued) {
    hub::Metrics& metrics = call.hub.metrics();
    metrics.query_rows.Increment(static_cast<double>(page.rows_looked_at));
    metrics.query_answers.Increment(static_cast<double>(page.rows.size()));
    if (!is_slow(call, page.time)) return;
    call.hub.log().warn("query.slow", {{"query", shortened(plan.text)},
                                       {"plan", page.plan},
                                       {"rows_scanned", page.rows_looked_at},
                                       {"rows_returned", page.rows.size()},
                                       {"milliseconds", milliseconds(page.time)},
                                       {"continued", continued},
                                       {"principal", call.principal.name}});
}

// One that was given up had the most to say.
void account_for(Call& call, const query::Plan& plan, const Error& error,
                 std::chrono::nanoseconds time) {
    if (error.code != Code::timeout && error.code != Code::unavailable) return;
    if (!is_slow(call, time)) return;
    call.hub.log().warn("query.slow", {{"query", shortened(plan.text)},
                                       {"refused", error.message},
                                       {"milliseconds", milliseconds(time)},
                                       {"principal", call.principal.name}});
}

Result<query::Options> options_of(const Call& call) {
    query::Options options = call.hub.settings().query_options;
    const auto dialect = call.request.field(Field::query_dialect);
    if (!dialect) return options;
    if (equals_ignoring_case(*dialect, "azure")) options.dialect = query::Dialect::azure;
    else if (equals_ignoring_case(*dialect, "extended")) options.dialect = query::Dialect::extended;
    else
        return failure(Code::argument_invalid, "The dialect must be azure or extended",
                       "x-query-dialect");
    return options;
}

Task<Result<hub::QueryPage>> run(hub::Hub& hub, const std::shared_ptr<const query::Plan>& plan,
                                 hub::PageRequest request) {
    if (plan->collection == query::Collection::jobs)
        return hub.jobs().devices(plan, std::move(request));
    return hub.queries().run(plan, std::move(request));
}

Task<Result<>> answer(Call& call) {
    Reply& reply = call.reply;
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(const auto plan, query_of(call, body));
    CO_TRY(const std::size_t rows_max, page_items(call.request));

    hub::PageRequest request{.cursor = {},
                             .rows_max = rows_max,
                             .bytes_max = page_bytes_max,
                             .principal = call.principal.name,
                             .wanted = call.watch_client()};
    const ContinuationScope scope{plan->text, call.principal.name,
                                  plan->dialect == query::Dialect::azure ? "azure" : "extended"};
    const auto token = call.request.field(Field::continuation);
    const bool continued = token && !token->empty();
    if (continued) {
        auto cursor = read_continuation(scope, *token);
        if (!cursor)
            co_return std::unexpected(
                continuation_refused(reply, std::move(cursor.error().message)));
        request.cursor = std::move(*cursor);
    }

    const Moment began = call.hub.clock().monotonic();
    auto page = co_await run(call.hub, plan, std::move(request));
    if (!page) {
        account_for(call, *plan, page.error(), call.hub.clock().monotonic() - began);
        co_return std::unexpected(query_not_answered(reply, std::move(page).error(), continued));
    }
    account_for(call, *plan, *page, continued);
    append_rows(reply.body, page->rows);
    reply.add_field("x-ms-item-type", item_type(*plan));
    if (!page->cursor.empty())
        reply.add_field("x-ms-continuation", make_continuation(scope, page->cursor));
    co_return Result<>();
}

}  // namespace

Result<std::shared_ptr<const query::Plan>> query_of(Call& call, const json::object& body) {
    TRY(const auto text, text_member(body, "query"));
    if (!text) return failure(Code::argument_null, "The query is missing", "query");
    TRY(const query::Options options, options_of(call));
    auto compiled = query::compile(*text, options);
    if (!compiled) return std::unexpected(query_refused(call.reply, compiled.error()));
    return std::make_shared<const query::Plan>(std::move(*compiled));
}

Task<Result<>> query_twins(Call& call) {
    const Moment began = call.hub.clock().monotonic();
    Result<> done = co_await answer(call);
    const auto time = call.hub.clock().monotonic() - began;
    hub::Metrics& metrics = call.hub.metrics();
    metrics.query_seconds.Observe(std::chrono::duration<double>(time).count());
    metrics.query_ended(done ? Outcome::answered : outcome_of(done.error().code));
    call.reply.add_field("Server-Timing", fmt::format("query;dur={:.3f}", milliseconds(time)));
    co_return done;
}

}  // namespace twinhub::gateway::http
