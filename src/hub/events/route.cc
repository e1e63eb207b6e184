#include "hub/events/route.h"

#include "twin/view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace twinhub::hub {
namespace {

// As conditions look for them: under the keyword, and under the name on the wire.
struct View {
    explicit View(HubEvent& event, bool reads_body) {
        system = event.system;
        for (const auto& [name, value] : event.system)
            if (const std::string_view keyword = keyword_of(name); keyword != name)
                system.emplace_back(keyword, value);
        message.system = system;
        message.application = event.application;
        if (reads_body) message.body = body_of(event);
    }
    EventProperties system;
    query::RoutedMessage message;
};

Error led(const char* name, const query::QueryError& error) {
    Error made = query::to_error(error);
    made.message = fmt::format("{} is wrong: {} ({})", name, made.message, made.where);
    made.where = name;
    return made;
}

}  // namespace

Result<Route> Route::make(RouteSettings settings) {
    Route route;
    for (const EventSource source : settings.sources)
        route.sources_[static_cast<std::size_t>(source)] = true;
    auto condition = query::RouteCondition::compile(settings.condition);
    if (!condition) return std::unexpected(led("condition", condition.error()));
    route.condition_ = *std::move(condition);
    route.reads_ = route.condition_.reads();
    if (!settings.project.empty()) {
        auto projection =
            query::RouteProjection::compile(fmt::format("{}", fmt::join(settings.project, ", ")));
        if (!projection) return std::unexpected(led("project", projection.error()));
        const query::RouteReads reads = projection->reads();
        route.reads_.body |= reads.body;
        route.reads_.twin |= reads.twin;
        route.projection_ = *std::move(projection);
    }
    route.settings_ = std::move(settings);
    return route;
}

bool Route::is_recorded() const {
    return hears(EventSource::twin_changes) || hears(EventSource::lifecycle);
}

bool Route::is_passing() const {
    for (std::size_t i = 0; i < event_sources; ++i)
        if (sources_[i] && !hub::is_recorded(static_cast<EventSource>(i))) return true;
    return false;
}

Verdict Route::judge(HubEvent& event, const json::object* twin, Instant now) const {
    View view(event, reads_.body);
    view.message.twin = twin;
    switch (condition_.judge(view.message, now)) {
        case query::Truth::yes: return Verdict::takes;
        case query::Truth::no: return Verdict::leaves;
        case query::Truth::undefined: break;
    }
    return Verdict::cannot_say;
}

void Route::project(HubEvent& event, const json::object* twin) const {
    if (!projection_) return;
    View view(event, reads_.body);
    view.message.twin = twin;
    json::value body = projection_->apply(view.message);
    event.body = to_text(body);
    event.is_json = true;
    event.tree = std::move(body);
    for (auto& [name, value] : event.system)
        if (name == "content-type") value = "application/json";
}

json::object twin_for_routes(const twin::Twin& twin) {
    std::string text = R"({"tags":)";
    twin::append_section(text, twin, twin::Part::tags, twin::Metadata::without);
    text += R"(,"properties":{"desired":)";
    twin::append_section(text, twin, twin::Part::desired, twin::Metadata::with);
    text += R"(,"reported":)";
    twin::append_section(text, twin, twin::Part::reported, twin::Metadata::with);
    text += "}}";
    // Metadata mirrors the twin: deeper and larger than what one may send.
    return parse_json(text, {.bytes_max = std::size_t{4} << 20, .depth_max = 64})
        .value()
        .as_object();
}

}  // namespace twinhub::hub
