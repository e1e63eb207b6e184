#include "apps/config/load.h"

#include "apps/config/drift_config.h"
#include "apps/config/settings.h"
#include "hub/series/series_names.h"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace twinhub::apps {
namespace {

// Reads one YAML file into `loaded`, with each mistake and its line.
class FileReader {
public:
    FileReader(Loaded& loaded) : loaded_(loaded) {}

    void read() {
        try {
            const YAML::Node root = YAML::LoadFile(loaded_.file);
            if (root.IsNull()) return;
            if (!root.IsMap()) return mistake(root, "must be settings by name");
            read_map(root, "");
            check_routes();
        } catch (const YAML::BadFile&) {
            loaded_.mistakes.push_back(loaded_.file + ": cannot be read");
        } catch (const YAML::Exception& error) {
            loaded_.mistakes.push_back(fmt::format("{}:{}: is not YAML: {}", loaded_.file,
                                                   error.mark.line + 1, error.msg));
        }
    }

private:
    void mistake(const YAML::Node& node, std::string_view text) {
        loaded_.mistakes.push_back(
            fmt::format("{}:{}: {}", loaded_.file, node.Mark().line + 1, text));
    }

    void read_map(const YAML::Node& map, const std::string& prefix) {
        for (const auto& member : map) {
            if (!member.first.IsScalar()) {
                mistake(member.first, "the name of a setting must be one word");
                continue;
            }
            const std::string path = prefix + member.first.Scalar();
            if (!seen_.insert(path).second) {
                mistake(member.first, path + " is set twice");
            } else if (const Setting* setting = find_setting(path)) {
                read_setting(*setting, member.second);
            } else if (path == "sinks") {
                read_sinks(member.second);
            } else if (path == "routes") {
                read_routes(member.second);
            } else if (!is_group(path)) {
                mistake(member.first, path + " is not a setting");
            } else if (member.second.IsMap()) {
                read_map(member.second, path + ".");
            } else if (!member.second.IsNull()) {
                mistake(member.second, path + " must be a group of settings");
            }
        }
    }

    void read_setting(const Setting& setting, const YAML::Node& node) {
        std::vector<std::string> texts;
        if (node.IsSequence()) {
            for (const YAML::Node& item : node) {
                if (!item.IsScalar())
                    return mistake(item, fmt::format("{} must be a list of words", setting.path));
                texts.push_back(item.Scalar());
            }
            if (!std::holds_alternative<std::vector<std::string> Config::*>(setting.field))
                return mistake(node, fmt::format("{} must be one value, not a list", setting.path));
        } else if (node.IsScalar()) {
            texts.push_back(node.Scalar());
        } else {
            return mistake(node, fmt::format("{} must have a value", setting.path));
        }
        if (auto done = assign(setting, loaded_.config, texts); !done)
            mistake(node, fmt::format("{} {}", setting.path, done.error().message));
    }

    void read_sinks(const YAML::Node& list) {
        if (list.IsNull()) return;
        if (!list.IsSequence()) return mistake(list, "sinks must be a list");
        for (const YAML::Node& item : list) {
            SinkConfig& sink = loaded_.config.sinks.emplace_back();
            if (!item.IsMap()) mistake(item, "a sink must be settings by name");
            else read_sink(item, sink);
        }
    }

    void read_sink(const YAML::Node& item, SinkConfig& sink) {
        std::set<std::string> seen;
        const auto read = [&](const YAML::Node& name, const YAML::Node& value) {
            if (!name.IsScalar() || !value.IsScalar())
                return mistake(name, "a sink has one value for each setting");
            if (!seen.insert(name.Scalar()).second)
                return mistake(name, fmt::format("sinks: {} is set twice", name.Scalar()));
            if (auto done = assign(sink, name.Scalar(), value.Scalar()); !done)
                mistake(value, fmt::format("sinks: {} {}", name.Scalar(), done.error().message));
        };
        const auto is_kind = [](const YAML::Node& name) {
            return name.IsScalar() && name.Scalar() == "kind";
        };
        // Which other settings there are depends on the kind.
        bool has_kind = false;
        for (const auto& member : item)
            if (is_kind(member.first)) {
                has_kind = true;
                read(member.first, member.second);
            }
        if (!has_kind)
            return mistake(item, fmt::format("a sink needs a kind: {}", sink_kind_names));
        for (const auto& member : item)
            if (!is_kind(member.first)) read(member.first, member.second);
    }

    void read_routes(const YAML::Node& list) {
        if (list.IsNull()) return;
        if (!list.IsSequence()) return mistake(list, "routes must be a list");
        for (const YAML::Node& item : list) {
            routes_.push_back(item);
            RouteConfig& route = loaded_.config.routes.emplace_back();
            if (!item.IsMap()) {
                mistake(item, "a route must be settings by name");
                continue;
            }
            std::set<std::string> seen;
            for (const auto& member : item) read_route(member.first, member.second, route, seen);
        }
    }

    void read_route(const YAML::Node& name, const YAML::Node& value, RouteConfig& route,
                    std::set<std::string>& seen) {
        if (!name.IsScalar()) return mistake(name, "the name of a setting must be one word");
        if (!seen.insert(name.Scalar()).second)
            return mistake(name, fmt::format("routes: {} is set twice", name.Scalar()));
        std::vector<std::string> texts;
        if (value.IsScalar()) texts.push_back(value.Scalar());
        for (const YAML::Node& item : value) {
            if (!item.IsScalar())
                return mistake(item,
                               fmt::format("routes: {} must be a list of words", name.Scalar()));
            texts.push_back(item.Scalar());
        }
        if (value.IsMap() || value.IsNull())
            return mistake(name, fmt::format("routes: {} must have a value", name.Scalar()));
        if (auto done = assign(route, name.Scalar(), texts); !done)
            mistake(value, fmt::format("routes: {} {}", name.Scalar(), done.error().message));
    }

    // Once everything is read: a route may stand before its sink.
    void check_routes() {
        for (const auto& [index, text] : route_mistakes(loaded_.config))
            mistake(routes_[index], text);
        for (const SinkConfig& sink : loaded_.config.sinks) {
            const bool is_broker = sink.kind == SinkKind::kafka || sink.kind == SinkKind::mqtt;
            const bool is_used =
                std::ranges::any_of(loaded_.config.routes, [&](const RouteConfig& route) {
                    return route.settings.sink == sink.name ||
                           route.settings.dead_letter == sink.name;
                });
            if (is_broker && !is_used && !sink.name.empty())
                loaded_.mistakes.push_back(
                    fmt::format("sinks: '{}' is named by no route, which a {} needs", sink.name,
                                name_of(sink.kind)));
        }
    }

    static bool is_group(const std::string& path) {
        return std::ranges::any_of(
            settings(), [&](const Setting& s) { return s.path.starts_with(path + "."); });
    }

    Loaded& loaded_;
    std::set<std::string> seen_;
    std::vector<YAML::Node> routes_;  // as they stand in the file
};

// "a, b" as the items of a list, for the environment and for flags.
std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view item = text.substr(0, comma);
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (!item.empty()) items.emplace_back(item);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return items;
}

bool is_list(const Setting& setting) {
    return std::holds_alternative<std::vector<std::string> Config::*>(setting.field);
}

void assign_from(Loaded& loaded, const Setting& setting, std::string_view source,
                 std::vector<std::string> texts) {
    if (is_list(setting)) {
        std::vector<std::string> items;
        for (const std::string& text : texts)
            std::ranges::copy(split_list(text), std::back_inserter(items));
        texts = std::move(items);
    }
    if (auto done = assign(setting, loaded.config, texts); !done)
        loaded.mistakes.push_back(fmt::format("{}: {}", source, done.error().message));
}

// Where the file is looked for when nobody names one.
std::string find_file(const Sources& sources) {
    Config probe;
    if (const char* folder = sources.variable ? sources.variable("TWINHUB_DATA") : nullptr)
        probe.data_folder = folder;
    if (const auto flag = sources.flags.find("data");
        flag != sources.flags.end() && !flag->second.empty())
        probe.data_folder = flag->second.back();
    for (const std::filesystem::path& path :
         {probe.data() / "twinhub.yaml", std::filesystem::path("/etc/twinhub/twinhub.yaml")}) {
        std::error_code ignored;
        if (std::filesystem::exists(path, ignored)) return path.string();
    }
    return {};
}

}  // namespace

Loaded load(const Sources& sources) {
    Loaded loaded;
    loaded.file = sources.file ? *sources.file : find_file(sources);
    if (!loaded.file.empty()) FileReader(loaded).read();
    for (const Setting& setting : settings()) {
        const std::string variable = setting.variable();
        if (const char* text = sources.variable ? sources.variable(variable.c_str()) : nullptr)
            assign_from(loaded, setting, variable, {text});
    }
    for (const auto& [path, texts] : sources.flags)
        if (const Setting* setting = find_setting(path))
            assign_from(loaded, *setting, setting->flag(), texts);
    std::ranges::copy(check(loaded.config), std::back_inserter(loaded.mistakes));
    return loaded;
}

std::vector<std::string> check(const Config& config) {
    std::vector<std::string> mistakes;
    const auto readable = [&](std::string_view name, const std::string& file) {
        if (::access(file.c_str(), R_OK) != 0)
            mistakes.push_back(fmt::format("{}: '{}' cannot be read", name, file));
    };
    if (config.data_folder.empty()) mistakes.emplace_back("data: must name a folder");
    if (config.tls_certificates.size() != config.tls_keys.size())
        mistakes.push_back(
            fmt::format("tls.keys: must be as many as tls.certificates, {} and not {}",
                        config.tls_certificates.size(), config.tls_keys.size()));
    for (const std::string& file : config.tls_certificates) readable("tls.certificates", file);
    for (const std::string& file : config.tls_keys) readable("tls.keys", file);
    for (const std::string& file : config.device_cas) readable("auth.device_cas", file);
    if (!config.outgoing_ca_file.empty()) readable("outgoing.ca_file", config.outgoing_ca_file);
    std::ranges::copy(check(config.sinks), std::back_inserter(mistakes));
    if (const auto policy = drift_policy(config); !policy)
        mistakes.push_back(policy.error().message);
    if (const auto paths = hub::series_paths({.by = config.drift_series_by}); !paths)
        mistakes.push_back("drift.series_by: " + paths.error().message);
    if (!config.policies_file.empty()) readable("auth.policies_file", config.policies_file);

    if (!config.https_port && !config.mqtt_port && !config.amqp_port && !config.plain_http_port)
        mistakes.emplace_back("listen: every port is off");
    if (config.listen_addresses.empty() &&
        (config.https_port || config.mqtt_port || config.amqp_port))
        mistakes.emplace_back("listen.addresses: must name at least one address");
    if (config.plain_http_addresses.empty() && config.plain_http_port)
        mistakes.emplace_back("listen.plain_http_addresses: must name at least one address");
    const std::pair<std::string_view, Port> ports[] = {
        {"listen.https_port", config.https_port},
        {"listen.mqtt_port", config.mqtt_port},
        {"listen.amqp_port", config.amqp_port},
        {"listen.plain_http_port", config.plain_http_port},
        {"metrics.port", config.metrics_port}};
    for (auto a = std::begin(ports); a != std::end(ports); ++a)
        for (auto b = std::next(a); b != std::end(ports); ++b)
            if (a->second && *a->second != 0 && a->second == b->second)
                mistakes.push_back(fmt::format("{}: port {} is that of {} already", b->first,
                                               *b->second, a->first));
    if (config.mqtt_outbound_soft_bytes > config.mqtt_outbound_bytes_max)
        mistakes.emplace_back(
            "mqtt.outbound_soft_bytes: must not be above mqtt.outbound_bytes_max");
    if (config.amqp_outbound_soft_bytes > config.amqp_outbound_bytes_max)
        mistakes.emplace_back(
            "amqp.outbound_soft_bytes: must not be above amqp.outbound_bytes_max");
    return mistakes;
}

}  // namespace twinhub::apps
