// Where events go on to, and which of them would (docs/routes.md).
#include "base/json_members.h"
#include "gateway/http/handlers.h"
#include "gateway/routes/routes.h"
#include "hub/events/passing_events.h"

namespace twinhub::gateway::http {
namespace {

std::string_view name_of(RouteState::Doing doing) {
    using enum RouteState::Doing;
    switch (doing) {
        case starting: return "starting";
        case waiting: return "waiting";
        case delivering: return "delivering";
        case retrying: return "retrying";
        case stopped: return "stopped";
        case disabled: return "disabled";
    }
    return "unknown";
}

std::string_view name_of(hub::Verdict verdict) {
    switch (verdict) {
        case hub::Verdict::takes: return "true";
        case hub::Verdict::leaves: return "false";
        case hub::Verdict::cannot_say: return "undefined";
    }
    return "unknown";
}

json::object report_of(const Routes::Report& report, Instant now) {
    const hub::RouteSettings& settings = report.route->settings();
    const RouteState& state = report.state;
    json::object shown;
    shown["name"] = settings.name;
    shown["enabled"] = settings.enabled;
    json::array sources;
    for (const hub::EventSource source : settings.sources)
        sources.emplace_back(hub::name_of(source));
    shown["sources"] = std::move(sources);
    shown["condition"] = settings.condition;
    json::array project;
    for (const std::string& path : settings.project) project.emplace_back(path);
    shown["project"] = std::move(project);
    shown["sink"] = settings.sink;
    shown["state"] = name_of(state.doing);
    if (state.is_recorded) shown["lagCommits"] = state.behind;
    shown["lagSeconds"] =
        state.oldest_undelivered
            ? std::max(0.0, std::chrono::duration<double>(now - *state.oldest_undelivered).count())
            : 0.0;
    shown["waiting"] = state.waiting;
    shown["delivered"] = state.counts.delivered;
    shown["failures"] = state.counts.failures;
    shown["deadLetters"] = state.counts.dead_letters;
    shown["lost"] = state.counts.lost;
    shown["undefined"] = state.counts.undefined;
    if (!state.last_failure.empty()) shown["lastFailure"] = state.last_failure;
    return shown;
}

Result<hub::EventProperties> properties_of(const json::object& message, std::string_view name) {
    hub::EventProperties properties;
    TRY(const json::object* const given, object_member(message, name));
    if (given == nullptr) return properties;
    for (const json::key_value_pair& entry : *given) {
        const json::string* const text = entry.value().if_string();
        if (text == nullptr)
            return failure(Code::argument_invalid, "Properties are texts",
                           "message." + std::string(name));
        properties.emplace_back(entry.key(), std::string(text->data(), text->size()));
    }
    return properties;
}

// The message of Azure's testAllRoutes: {"routingSource", "message": {"body", "appProperties",
// "systemProperties"}, "twin"}. A body that is a text is read as JSON where the properties say so.
struct TestOrder {
    hub::HubEvent event;
    std::optional<json::object> twin;
};
Result<TestOrder> read_order(const json::object& body, Instant now) {
    TestOrder order;
    TRY(const auto source, text_member(body, "routingSource"));
    const auto parsed = hub::parse_event_source(source.value_or("DeviceMessages"));
    if (!parsed)
        return failure(Code::argument_invalid, "The source must be " + hub::event_source_names(),
                       "routingSource");
    order.event.source = *parsed;
    order.event.at = now;
    order.event.id = "test";
    TRY(const json::object* const twin, object_member(body, "twin"));
    if (twin != nullptr) order.twin = *twin;
    TRY(const json::object* const message, object_member(body, "message"));
    if (message == nullptr) return order;
    TRY(order.event.application, properties_of(*message, "appProperties"));
    TRY(order.event.system, properties_of(*message, "systemProperties"));
    order.event.is_json =
        *parsed != hub::EventSource::messages || hub::says_json(order.event.system);
    if (const json::value* content = message->if_contains("body")) {
        const json::string* const text = content->if_string();
        order.event.body = text ? std::string(text->data(), text->size()) : to_text(*content);
    }
    return order;
}

Result<> check_here(const Call& call) {
    if (call.routes != nullptr) return {};
    return failure(Code::unavailable, "Routes are not served here");
}

}  // namespace

Task<Result<>> list_routes(Call& call) {
    CO_TRY_VOID(check_here(call));
    const std::vector<Routes::Report> reports = co_await call.routes->report();
    json::array routes;
    for (const Routes::Report& report : reports)
        routes.push_back(report_of(report, call.hub.clock().now()));
    append_json(call.reply.body, json::object{{"routes", std::move(routes)}});
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> test_routes(Call& call) {
    CO_TRY_VOID(check_here(call));
    CO_TRY(const json::object body, json_object(call));
    const Instant now = call.hub.clock().now();
    CO_TRY(TestOrder order, read_order(body, now));
    const json::object* const twin = order.twin ? &*order.twin : nullptr;
    json::object answer;
    CO_TRY(const auto condition, text_member(body, "condition"));
    if (condition) {
        // One that is still to be written into the settings.
        CO_TRY(const hub::Route route, hub::Route::make({.name = "test",
                                                         .sources = {order.event.source},
                                                         .condition = *condition,
                                                         .project = {},
                                                         .sink = {},
                                                         .dead_letter = {}}));
        answer["result"] = name_of(route.judge(order.event, twin, now));
    }
    json::array routes;
    for (const Routes::Trial& trial : call.routes->test(order.event, twin, now)) {
        json::object shown{{"name", trial.route->settings().name},
                           {"enabled", trial.route->settings().enabled},
                           {"result", name_of(trial.verdict)}};
        if (auto sent = parse_json(trial.body)) shown["body"] = std::move(*sent);
        routes.push_back(std::move(shown));
    }
    answer["routes"] = std::move(routes);
    append_json(call.reply.body, answer);
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
