#include "gateway/http/handlers.h"
#include "gateway/http/history_json.h"
#include "gateway/http/parameters.h"
#include "hub/views.h"

#include <algorithm>

namespace twinhub::gateway::http {
namespace {

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<hub::HistoryRequest> history_request(const Call& call) {
    hub::HistoryRequest request;
    const Instant now = call.hub.clock().now();
    if (const auto before = call.request.parameter("before"); before && is_number(*before)) {
        TRY(request.before, count_of(*before, "before"));
    } else if (before) {
        TRY(const Instant time, past_time(*before, now, "before"));
        request.until = time - Ticks{1};
    }
    TRY(request.limit, limit_of(call, request.limit, hub::history_page_max));
    if (const auto part = call.request.parameter("part")) {
        TRY(request.filter.part, hub::parse_history_part(*part));
    }
    request.filter.author = call.request.parameter("author").value_or("");
    request.filter.path = call.request.parameter("path").value_or("");
    return request;
}

}  // namespace

Task<Result<>> get_history(Call& call) {
    CO_TRY(hub::HistoryRequest request, history_request(call));
    const hub::HistoryFilter filter = request.filter;
    CO_TRY(const hub::HistoryPage page,
           co_await hub::History(call.hub).page(call.object, std::move(request)));
    HistoryExtras extras;
    // A twin that is gone stands in no way any more.
    const Result<hub::TwinDrift> drift = co_await call.hub.drifts().of(call.object);
    if (drift) extras.drift = &*drift;
    std::vector<hub::DensityBucket> density;
    if (const auto buckets = call.request.parameter("density")) {
        CO_TRY(const std::uint64_t count, count_of(*buckets, "density"));
        if (count == 0 || count > hub::density_buckets_max)
            co_return failure(Code::argument_invalid,
                              "The density is given in 1 to " +
                                  std::to_string(hub::density_buckets_max) + " stretches",
                              "density");
        CO_TRY(density, co_await hub::density_of(call.hub, call.object, count));
        extras.density = &density;
    }
    append_history(call.reply.body, page, filter, extras);
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> get_twin_then(Call& call) {
    // The right to read a twin is not yet one to read its past.
    CO_TRY_VOID(hub::decide(call.principal, hub::Operation::history_read, call.object));
    std::optional<std::uint64_t> version;
    if (const auto text = call.request.parameter("atVersion")) {
        CO_TRY(version, count_of(*text, "atVersion"));
    }
    CO_TRY(const hub::PastPoint point,
           past_point(call.request.parameter("at"), version,
                      call.request.parameter("of").value_or(""), call.hub.clock().now()));
    CO_TRY(const hub::TwinThen then, co_await hub::History(call.hub).at(call.object, point));
    hub::append_twin_then(call.reply.body, call.object, then.twin);
    call.reply.add_field("x-as-of", format_instant(then.at));
    co_return Result<>();
}

Task<Result<>> restore_twin(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(RestoreOrder order, read_restore(body, call.hub.clock().now()));
    hub::Author author = author_of(call);
    author.reason = std::move(order.reason);
    CO_TRY(const hub::TwinView view,
           co_await hub::History(call.hub).restore(call.object, order.point, std::move(order.scope),
                                                   std::move(match), std::move(author)));
    append_twin(call.reply.body, view);
    call.reply.etag = view.twin.etag();
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
