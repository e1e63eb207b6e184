#include "apps/config/load.h"
#include "apps/config/settings.h"

#include <fmt/format.h>

namespace twinhub::apps {
namespace {

std::string yaml_scalar(const std::string& text) {
    const bool plain = !text.empty() && text.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789-_./") == std::string::npos;
    if (plain && text.front() != '-') return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n') out += "\\n";
        else out += c;
    }
    return out + "\"";
}

std::string yaml_value(const Setting& setting, const Config& config) {
    const std::vector<std::string> texts = texts_of(setting, config);
    if (!std::holds_alternative<std::vector<std::string> Config::*>(setting.field))
        return yaml_scalar(texts.at(0));
    std::string out = "[";
    for (const std::string& text : texts) {
        if (out.size() > 1) out += ", ";
        out += yaml_scalar(text);
    }
    return out + "]";
}

// "number, 1 to 256".
std::string ranged(const Setting& setting, std::string_view word, auto&& write) {
    if (setting.max == UINT64_MAX) return std::string(word);
    return fmt::format("{}, {} to {}", word, write(setting.min), write(setting.max));
}

std::string kind_text(const Setting& setting) {
    struct Kind {
        const Setting& setting;
        std::string operator()(std::string Config::*) const { return "text"; }
        std::string operator()(std::vector<std::string> Config::*) const { return "list"; }
        std::string operator()(std::uint64_t Config::*) const {
            return setting.form == Form::bytes
                       ? ranged(setting, "size", format_bytes)
                       : ranged(setting, "number", [](auto v) { return std::to_string(v); });
        }
        std::string operator()(bool Config::*) const { return "true or false"; }
        std::string operator()(std::chrono::milliseconds Config::*) const {
            return ranged(setting, "time",
                          [](auto v) { return format_duration(std::chrono::milliseconds(v)); });
        }
        std::string operator()(Port Config::*) const { return "port or off"; }
        std::string operator()(LogLevel Config::*) const { return "word"; }
        std::string operator()(Log::Format Config::*) const { return "word"; }
        std::string operator()(KeyType Config::*) const { return "word"; }
        std::string operator()(query::Dialect Config::*) const { return "word"; }
        std::string operator()(query::MissingCompares Config::*) const { return "word"; }
    };
    return std::visit(Kind{setting}, setting.field);
}

std::string kinds_of(const SinkSetting& setting) {
    std::string kinds;
    std::size_t count = 0;
    for (const SinkKind kind : sink_kinds) {
        if (!setting.is_of(kind)) continue;
        ++count;
        if (!kinds.empty()) kinds += ", ";
        kinds += name_of(kind);
    }
    return count == sink_kinds.size() ? "all" : kinds;
}

std::string list_of(std::span<const std::string> items) {
    std::string out = "[";
    for (const std::string& item : items)
        out += fmt::format("{}{}", out.size() > 1 ? ", " : "", yaml_scalar(item));
    return out + "]";
}

std::string routes_yaml(const Config& config) {
    std::string out;
    if (!config.routes.empty()) out += "routes:\n";
    for (const RouteConfig& route : config.routes) {
        const hub::RouteSettings& settings = route.settings;
        std::vector<std::string> sources;
        for (const hub::EventSource source : settings.sources)
            sources.emplace_back(hub::name_of(source));
        out += fmt::format("  - name: {}\n    sources: {}\n    condition: {}\n    project: {}\n",
                           yaml_scalar(settings.name), list_of(sources),
                           yaml_scalar(settings.condition), list_of(settings.project));
        out += fmt::format(
            "    sink: {}\n    dead_letter: {}\n    enabled: {}\n    start: {}\n"
            "    attempts: {}\n",
            yaml_scalar(settings.sink), yaml_scalar(settings.dead_letter), settings.enabled,
            route.from_oldest ? "oldest" : "newest", route.attempts_max);
    }
    return out;
}

constexpr std::string_view about_routes = R"(
## Routes

Routes choose events and bring them to a sink; [routes.md](routes.md) says which events there are and what is
promised. Only the file can hold them.

```yaml
routes:
  - name: changes-of-eu
    sources: [TwinChangeEvents, DeviceLifecycleEvents]
    condition: $twin.tags.site.region = 'EU'
    sink: alerts
```

| Setting | Default | Meaning |
|---|---|---|
| `name` | | What metrics, the log and the place in the feed are kept under: letters, digits, - and _. |
| `sources` | | TwinChangeEvents, DeviceLifecycleEvents, DeviceConnectionStateEvents, DriftChangeEvents, DeviceMessages, RolloutEvents, JobEvents, ConfigurationEvents. |
| `condition` | | Which of them, in the language of routing queries; empty: all. |
| `project` | | What of the body goes on, as a list of paths; empty: all. |
| `sink` | | Where they go, by the name of a sink. |
| `dead_letter` | | The sink for what `sink` refuses; empty: a file of the route in the data folder. |
| `enabled` | `true` | false: it delivers nothing, and keeps its place. |
| `start` | `newest` | Where a new route begins: newest, or oldest for all changes that are kept. |
| `attempts` | `1000` | How often a batch is tried before it is a dead letter. |
)";

}  // namespace

std::string to_yaml(const Config& config) {
    std::string out, group;
    for (const Setting& setting : settings()) {
        const std::size_t dot = setting.path.find('.');
        const std::string own_group(dot == std::string_view::npos ? ""
                                                                  : setting.path.substr(0, dot));
        if (own_group != group && !own_group.empty()) out += own_group + ":\n";
        group = own_group;
        if (dot == std::string_view::npos)
            out += fmt::format("{}: {}\n", setting.path, yaml_value(setting, config));
        else
            out += fmt::format("  {}: {}\n", setting.path.substr(dot + 1),
                               yaml_value(setting, config));
    }
    out += routes_yaml(config);
    if (!config.sinks.empty()) out += "sinks:\n";
    for (const SinkConfig& sink : config.sinks) {
        out += fmt::format("  - kind: {}\n", name_of(sink.kind));
        for (const SinkSetting& setting : sink_settings())
            if (setting.is_of(sink.kind))
                out +=
                    fmt::format("    {}: {}\n", setting.name, yaml_scalar(text_of(sink, setting)));
    }
    return out;
}

std::string to_markdown() {
    Config defaults;
    defaults.data_folder = "";
    std::string out = R"(# Configuration

Settings come from four places; each wins over those before it:

1. the defaults below, with which a hub runs;
2. one YAML file: `--config FILE` or `TWINHUB_CONFIG`, else `twinhub.yaml` in the data folder, else
   `/etc/twinhub/twinhub.yaml`;
3. the environment: `TWINHUB_` and the setting's name in capitals, `_` for a dot: `TWINHUB_LISTEN_HTTPS_PORT`;
4. flags of `twinhub serve`: `--` and the name, `-` for a dot or `_`: `--listen-https-port`.

```yaml
hub:
  name: twins.example.com
listen:
  https_port: 8443
history:
  age: 90d
```

Times have a unit (`500ms`, `5s`, `10m`, `12h`, `30d`), sizes may have one (`64KiB`, `256MiB`). In the
environment and in flags the items of a list are separated by commas. `twinhub config check` names every
mistake at once, `twinhub config show` prints what is in force. Certificates, device CAs and policies are
read again on SIGHUP; everything else needs a restart.

| Setting | Default | Kind | Meaning |
|---|---|---|---|
)";
    for (const Setting& setting : settings()) {
        const std::string value = setting.path == "data"
                                      ? "`/var/lib/twinhub` for root, else `~/.local/share/twinhub`"
                                      : "`" + yaml_value(setting, defaults) + "`";
        out += fmt::format("| `{}` | {} | {} | {} |\n", setting.path, value, kind_text(setting),
                           setting.about);
    }
    out += R"(
## Sinks

Messages of devices go on to the sinks that the file lists; neither the environment nor a flag can name one.
[operations.md](operations.md) says what they promise. A sink that a route names gets what the route brings,
and nothing else.

```yaml
sinks:
  - kind: file
    name: archive
    path: /var/lib/twinhub/messages.jsonl
  - kind: webhook
    name: alerts
    url: https://receiver.example.com/messages
    secret_file: /etc/twinhub/alerts.secret
```

| Setting | Kind of sink | Default | Meaning |
|---|---|---|---|
| `kind` | | | file, webhook, kafka or mqtt. |
)";
    for (const SinkSetting& setting : sink_settings()) {
        const std::string value = text_of(SinkConfig{}, setting);
        out += fmt::format("| `{}` | {} | {} | {} |\n", setting.name, kinds_of(setting),
                           value.empty() ? "" : "`" + value + "`", setting.about);
    }
    out += about_routes;
    return out;
}

}  // namespace twinhub::apps
