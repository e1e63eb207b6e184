#include "apps/cli/monitor_events.h"

#include "apps/cli/context.h"
#include "apps/cli/render.h"
#include "base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ostream>

namespace twinhub::apps::cli {
namespace {

constexpr std::string_view stream_path = "/twinhub/device-events";
constexpr std::uint64_t timeout_seconds_max = 365ull * 24 * 3600;

std::string_view text_at(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

json::object object_at(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    return found != nullptr && found->is_object() ? found->get_object() : json::object();
}

// "contentType" as "content_type": what az prints.
std::string snake(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') {
            out += '_';
            out += static_cast<char>(c - 'A' + 'a');
        } else {
            out += c;
        }
    }
    return out;
}

bool says_json(std::string_view content_type) {
    return ascii_lower(content_type).find("json") != std::string::npos;
}

// The message as JSON, else as text, else as base64, which then is said.
void put_payload(json::object& shown, const json::object& event, const EventView& view) {
    if (const json::value* body = event.if_contains("body")) {
        const bool as_json = view.content_type.empty() || says_json(view.content_type);
        shown["payload"] = as_json ? *body : json::value(to_text(*body));
        return;
    }
    const std::string_view encoded = text_at(event, "bodyBase64");
    const std::string bytes = base64_decode(encoded).value_or("");
    if (says_json(view.content_type)) {
        if (auto value = parse_json(bytes)) {
            shown["payload"] = std::move(*value);
            return;
        }
    }
    if (is_valid_utf8(bytes)) {
        shown["payload"] = bytes;
    } else {
        shown["payload"] = encoded;
        shown["payloadEncoding"] = "base64";
    }
}

json::object properties_of(const json::object& event, const EventView& view) {
    json::object properties;
    if (view.system) {
        json::object system;
        for (const auto& member : object_at(event, "systemProperties"))
            system[snake(member.key())] = member.value();
        properties["system"] = std::move(system);
    }
    if (view.application) properties["application"] = object_at(event, "properties");
    if (view.annotations) {
        json::object annotations{{"iothub-connection-device-id", text_at(event, "deviceId")},
                                 {"iothub-enqueuedtime", text_at(event, "enqueuedTime")},
                                 {"iothub-message-source", "Telemetry"}};
        if (const auto module = text_at(event, "moduleId"); !module.empty())
            annotations["iothub-connection-module-id"] = module;
        properties["annotations"] = std::move(annotations);
    }
    return properties;
}

bool is_pattern(std::string_view text) { return text.find('*') != std::string_view::npos; }

std::string path_of(const Arguments& arguments) {
    std::string path(stream_path);
    const std::string device = arguments.text("device-id");
    // The server knows one device or all.
    if (!device.empty() && !is_pattern(device)) path += "?deviceId=" + percent_encode(device);
    return path;
}

Outcome tail_events(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    std::ostream& out = context.around().out;
    const auto done = (*hub)->stream({.path = path_of(context.arguments()), .body = {}},
                                     [&](std::string_view line) {
                                         out << line << std::endl;
                                         return out.good();
                                     });
    return done ? Outcome::nothing() : outcome_of(done.error());
}

Result<EventView> view_of(const Arguments& arguments) {
    EventView view{.device = arguments.text("device-id"),
                   .module = arguments.text("module-id"),
                   .content_type = arguments.text("content-type")};
    for (const std::string& kind : arguments.list("properties")) {
        const bool all = kind == "all";
        view.annotations |= all || kind == "anno";
        view.system |= all || kind == "sys";
        view.application |= all || kind == "app";
        if (!all && kind != "anno" && kind != "sys" && kind != "app")
            return failure(
                Code::argument_invalid,
                fmt::format("--properties is of anno, app, sys and all, not '{}'", kind));
    }
    return view;
}

Result<std::chrono::seconds> timeout_of(const Arguments& arguments) {
    const std::string text = arguments.text("timeout");
    std::uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds > timeout_seconds_max)
        return failure(Code::argument_invalid,
                       fmt::format("--timeout is a number of seconds, not '{}'", text));
    return std::chrono::seconds(seconds);
}

Outcome monitor_events(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto view = view_of(arguments);
    if (!view) return outcome_of(view.error());
    const auto timeout = timeout_of(arguments);
    if (!timeout) return outcome_of(timeout.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    context.around().err << fmt::format("Starting event monitor{}, use ctrl-c to stop...\n",
                                        view->device.empty()
                                            ? ""
                                            : ", filtering on device: " + view->device)
                         << std::flush;
    std::ostream& out = context.around().out;
    const std::string format = arguments.text("output");
    const auto done = (*hub)->stream(
        {.path = path_of(arguments), .body = {}},
        [&](std::string_view line) {
            if (const auto shown = shown_event(line, *view)) {
                // One after the other, not items of a list.
                out << (format == "yaml" ? "---\n" : "") << render(*shown, {}, format)
                    << std::flush;
            }
            return out.good();
        },
        *timeout);
    return done ? Outcome::nothing() : outcome_of(done.error());
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == text;
    if (!text.starts_with(pattern.substr(0, star))) return false;
    text.remove_prefix(star);
    pattern.remove_prefix(star + 1);
    // Each piece between two stars where it comes first; the last one at the end.
    while (true) {
        const std::size_t next = pattern.find('*');
        const std::string_view piece = pattern.substr(0, next);
        if (next == std::string_view::npos) return text.ends_with(piece);
        const std::size_t at = text.find(piece);
        if (at == std::string_view::npos) return false;
        text.remove_prefix(at + piece.size());
        pattern.remove_prefix(next + 1);
    }
}

std::optional<json::value> shown_event(std::string_view line, const EventView& view) {
    const auto parsed = parse_json(line);
    if (!parsed || !parsed->is_object()) return std::nullopt;
    const json::object& event = parsed->get_object();
    if (event.contains("lost")) return *parsed;
    if (!view.device.empty() && !matches_pattern(view.device, text_at(event, "deviceId")))
        return std::nullopt;
    if (!view.module.empty() && !matches_pattern(view.module, text_at(event, "moduleId")))
        return std::nullopt;
    const json::object system = object_at(event, "systemProperties");
    json::object shown{{"origin", text_at(event, "deviceId")},
                       {"module", text_at(event, "moduleId")},
                       {"interface", text_at(system, "interfaceId")},
                       {"component", text_at(system, "dt-subject")}};
    if (view.annotations || view.system || view.application)
        shown["properties"] = properties_of(event, view);
    put_payload(shown, event, view);
    return json::object{{"event", std::move(shown)}};
}

std::vector<Command> event_commands() {
    const Option device{.name = "device-id", .other_names = "-d", .about = "One device only"};
    return {
        {.words = "device-events tail",
         .about = "What devices send, as it comes, a line of JSON each",
         .options = {device},
         .run = tail_events},
        {.words = "monitor-events",
         .about = "What devices send, as it comes, as az shows it",
         .options = {{.name = "device-id",
                      .other_names = "-d",
                      .about = "One device, or a pattern with *"},
                     {.name = "module-id", .other_names = "-m", .about = "One module"},
                     {.name = "content-type",
                      .other_names = "--ct",
                      .about = "Takes the place of what messages say: application/json"},
                     {.name = "properties",
                      .other_names = "-p,--props",
                      .about = "Properties to show: anno, app, sys, all",
                      .takes = Takes::many},
                     {.name = "timeout",
                      .other_names = "-t",
                      .about = "Ends after so many seconds without a message; 0 = never",
                      .fallback = "300"}},
         .run = monitor_events},
    };
}

}  // namespace twinhub::apps::cli
