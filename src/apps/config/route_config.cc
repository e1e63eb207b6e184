#include "apps/config/route_config.h"

#include "apps/config/config.h"
#include "apps/config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace twinhub::apps {
namespace {

auto refuse(std::string message) { return failure(Code::argument_invalid, std::move(message)); }

Result<std::vector<hub::EventSource>> sources_of(const std::vector<std::string>& texts) {
    std::vector<hub::EventSource> sources;
    for (const std::string& text : texts) {
        const auto source = hub::parse_event_source(text);
        if (!source)
            return refuse(fmt::format("must be {}, not '{}'", hub::event_source_names(), text));
        if (std::ranges::find(sources, *source) == sources.end()) sources.push_back(*source);
    }
    return sources;
}

bool is_route_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

}  // namespace

Result<> assign(RouteConfig& route, std::string_view name, const std::vector<std::string>& texts) {
    hub::RouteSettings& settings = route.settings;
    if (name == "sources") {
        TRY(settings.sources, sources_of(texts));
        return {};
    }
    if (name == "project") {
        settings.project = texts;
        return {};
    }
    if (texts.size() != 1) return refuse("must be one value, not a list");
    const std::string& text = texts.front();
    if (name == "name") settings.name = text;
    else if (name == "condition") settings.condition = text;
    else if (name == "sink") settings.sink = text;
    else if (name == "dead_letter") settings.dead_letter = text;
    else if (name == "enabled") {
        if (text != "true" && text != "false")
            return refuse(fmt::format("must be true or false, not '{}'", text));
        settings.enabled = text == "true";
    } else if (name == "start") {
        if (text != "newest" && text != "oldest")
            return refuse(fmt::format("must be newest or oldest, not '{}'", text));
        route.from_oldest = text == "oldest";
    } else if (name == "attempts") {
        const auto count = parse_count(text);
        if (!count || *count == 0 || *count > 1'000'000)
            return refuse(fmt::format("must be a number, 1 to 1000000, not '{}'", text));
        route.attempts_max = *count;
    } else {
        return refuse("is not a setting of a route");
    }
    return {};
}

std::vector<std::pair<std::size_t, std::string>> route_mistakes(const Config& config) {
    std::vector<std::pair<std::size_t, std::string>> mistakes;
    std::set<std::string_view> names;
    const auto is_sink = [&](const std::string& name) {
        return std::ranges::find(config.sinks, name, &SinkConfig::name) != config.sinks.end();
    };
    for (std::size_t i = 0; i < config.routes.size(); ++i) {
        const hub::RouteSettings& settings = config.routes[i].settings;
        const auto mistake = [&](std::string_view text) {
            mistakes.emplace_back(i, fmt::format("routes: '{}' {}", settings.name, text));
        };
        if (i == routes_max) mistake(fmt::format("is one too many: at most {}", routes_max));
        if (!is_route_name(settings.name))
            mistake("must have a name of 1 to 64 letters, digits, - and _");
        else if (!names.insert(settings.name).second) mistake("is the name of two");
        if (settings.sources.empty()) mistake("needs sources");
        if (settings.sink.empty()) mistake("needs a sink");
        else if (!is_sink(settings.sink))
            mistake(fmt::format("has a sink that is not there: '{}'", settings.sink));
        if (!settings.dead_letter.empty() && !is_sink(settings.dead_letter))
            mistake(
                fmt::format("has a dead_letter that is not a sink: '{}'", settings.dead_letter));
        if (!settings.dead_letter.empty() && settings.dead_letter == settings.sink)
            mistake("has its own sink as dead_letter");
        if (const auto route = hub::Route::make(settings); !route)
            mistake("has a " + route.error().message);
    }
    return mistakes;
}

}  // namespace twinhub::apps
