// What an update would do, without doing it (docs/history.md).
#include "hub/twin_check.h"

#include "base/json_members.h"
#include "gateway/http/handlers.h"
#include "gateway/wire_status.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::uint64_t measured_least = 20;

Result<twin::Kind> kind_of(const json::object& order) {
    TRY(const auto method, text_member(order, "method"));
    if (!method || *method == "PATCH") return twin::Kind::patch;
    if (*method == "PUT") return twin::Kind::replace;
    return failure(Code::argument_invalid, "The method is PATCH or PUT", "method");
}

json::object leaf_of(const hub::TwinCheck::Leaf& leaf) {
    const std::string part = leaf.part == twin::Part::tags ? "tags" : "desired";
    json::object one{{"part", part}, {"path", leaf.path}};
    if (leaf.before) one["before"] = *leaf.before;
    if (leaf.after) one["after"] = *leaf.after;
    return one;
}

// How long devices took to come to the slowest of the properties that it changes, as far as enough
// of them were measured since the hub began.
json::object prediction(const hub::TwinCheck& check, bool connected,
                        const hub::ConvergeHistogram& times) {
    json::object predict{
        {"connected", connected}, {"p50Seconds", nullptr}, {"p95Seconds", nullptr}};
    std::optional<hub::ConvergeHistogram::Quantiles> slowest;
    for (const auto& leaf : check.changes) {
        if (leaf.part != twin::Part::desired || !leaf.after) continue;
        const auto took = times.quantiles(leaf.path, measured_least);
        if (took && (!slowest || took->p95 > slowest->p95)) slowest = took;
    }
    if (slowest) {
        predict["p50Seconds"] = slowest->p50;
        predict["p95Seconds"] = slowest->p95;
    }
    return predict;
}

json::object json_of(const hub::TwinCheck& check, json::object predict) {
    json::object body{{"ok", !check.error}, {"etag", check.etag}};
    if (check.error) {
        json::object error{{"code", wire_status(check.error->code).name},
                           {"message", check.error->message}};
        if (!check.error->where.empty()) error["where"] = check.error->where;
        body["error"] = std::move(error);
    }
    json::array changes;
    for (const auto& leaf : check.changes) changes.push_back(leaf_of(leaf));
    body["changes"] = std::move(changes);
    body["unchanged"] = check.unchanged;
    json::array checks;
    for (const auto& limit : check.limits)
        checks.push_back(json::object{{"name", limit.name},
                                      {"value", limit.value},
                                      {"limit", limit.limit},
                                      {"ok", limit.value <= limit.limit}});
    body["checks"] = std::move(checks);
    json::array warnings;
    for (const auto& replaced : check.replaces_pending) {
        json::object warning{{"code", "replacesPending"}, {"path", replaced.path}};
        if (!replaced.by.empty()) warning["by"] = replaced.by;
        warnings.push_back(std::move(warning));
    }
    body["warnings"] = std::move(warnings);
    body["approval"] = nullptr;
    body["predict"] = std::move(predict);
    return body;
}

}  // namespace

Task<Result<>> check_twin(Call& call) {
    CO_TRY(const json::object order, json_object(call));
    CO_TRY(const twin::Kind kind, kind_of(order));
    CO_TRY(const auto if_match, text_member(order, "ifMatch"));
    twin::Match match;
    if (if_match) {
        CO_TRY(match, twin::Match::parse(*if_match));
    }
    CO_TRY(const json::object* const body, object_member(order, "body"));
    if (body == nullptr) co_return failure(Code::argument_null, "The body is missing", "body");
    CO_TRY(const hub::TwinDrift now, co_await call.hub.drifts().of(call.object));
    const hub::TwinCheck check = hub::check_update(now, twin::parse_service_update(*body, kind),
                                                   match, call.hub.clock().now());
    json::object predict =
        prediction(check, now.view.presence.connected, call.hub.metrics().drift.by_property);
    append_json(call.reply.body, json::value(json_of(check, std::move(predict))));
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
