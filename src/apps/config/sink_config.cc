#include "apps/config/sink_config.h"

#include "apps/config/settings.h"
#include "gateway/outgoing/url.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace twinhub::apps {
namespace {

constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
constexpr std::uint64_t second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;

constexpr unsigned bit(SinkKind kind) { return 1U << static_cast<unsigned>(kind); }
constexpr unsigned file = bit(SinkKind::file), webhook = bit(SinkKind::webhook),
                   kafka = bit(SinkKind::kafka), mqtt = bit(SinkKind::mqtt), any = ~0U;
const SinkSetting table[] = {
    {"name", &SinkConfig::name, any, "What metrics and the log call it: letters, digits, - and _."},
    {"path", &SinkConfig::path, file, "The newest file; older ones have .1, .2, ... behind it."},
    {"file_bytes_max", &SinkConfig::file_bytes_max, file, "A larger file is put aside.", true,
     64 * kib, 1024 * gib},
    {"file_age_max", &SinkConfig::file_age_max, file,
     "An older file is put aside when the next message comes.", false, minute, 366 * day},
    {"files_max", &SinkConfig::files_max, file, "Files kept, the newest included.", false, 1, 1000},
    {"url", &SinkConfig::url, webhook, "Where messages are sent, https://..."},
    {"secret_file", &SinkConfig::secret_file, webhook,
     "File with the secret that signs each request, 16 bytes at least; empty: none does."},
    {"batch_messages_max", &SinkConfig::batch_messages_max, webhook, "Messages of one request.",
     false, 1, 10'000},
    {"batch_bytes_max", &SinkConfig::batch_bytes_max, webhook,
     "Size of one request; a larger message goes alone.", true, kib, 16 * mib},
    {"delay", &SinkConfig::delay, webhook, "How long a message waits for others; not for routes.",
     false, 0, hour},
    {"retry_for", &SinkConfig::retry_for, webhook,
     "How long a request is tried again before its messages are lost; not for routes.", false, 0,
     day},
    {"buffer_bytes_max", &SinkConfig::buffer_bytes_max, file | webhook,
     "Memory for messages that wait; beyond, further ones are lost.", true, 512 * kib, gib},
    {"format", &SinkConfig::format, webhook | kafka | mqtt,
     "How a route writes events: batch (webhooks alone, and usual there), structured or binary."},
    {"brokers", &SinkConfig::brokers, kafka, "Kafka brokers to begin with, host:port, ..."},
    {"address", &SinkConfig::address, mqtt, "The MQTT broker, host or host:port."},
    {"topic", &SinkConfig::topic, kafka | mqtt,
     "Where events go; for MQTT {hub}, {deviceId}, {moduleId}, {source} and {opType} stand for "
     "those "
     "of the event."},
    {"version", &SinkConfig::version, mqtt, "Of MQTT: 5 or 3.1.1."},
    {"client_id", &SinkConfig::client_id, kafka | mqtt,
     "What the broker calls us; empty: made of the hub's name and the sink's."},
    {"tls", &SinkConfig::tls, kafka | mqtt, "on, or off for a broker on the same machine."},
    {"ca_file", &SinkConfig::ca_file, kafka | mqtt,
     "PEM file of the CAs that the broker's certificate is checked with; empty: the system's."},
    {"user_name", &SinkConfig::user_name, kafka | mqtt, "Name to sign in with; empty: none."},
    {"password_file", &SinkConfig::password_file, kafka | mqtt, "File with the password to it."},
    {"sasl", &SinkConfig::sasl, kafka,
     "How a user name is proved: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: PLAIN."},
};

auto refuse(std::string message) { return failure(Code::argument_invalid, std::move(message)); }

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

struct Reader {
    const SinkSetting& setting;
    SinkConfig& sink;
    const std::string& text;

    Result<std::uint64_t> within(std::optional<std::uint64_t> number, std::string_view what,
                                 auto write) const {
        if (number && *number >= setting.min && *number <= setting.max) return *number;
        return refuse(fmt::format("must be {} {} to {}, not '{}'", what, write(setting.min),
                                  write(setting.max), text));
    }
    Result<> operator()(std::string SinkConfig::* field) const {
        sink.*field = text;
        return {};
    }
    Result<> operator()(std::uint64_t SinkConfig::* field) const {
        if (setting.is_bytes) {
            TRY(sink.*field, within(parse_bytes(text), "a size of", format_bytes));
            return {};
        }
        const auto plain = [](std::uint64_t value) { return std::to_string(value); };
        TRY(sink.*field, within(parse_count(text), "a number,", plain));
        return {};
    }
    Result<> operator()(std::chrono::milliseconds SinkConfig::* field) const {
        const auto write = [](std::uint64_t value) {
            return format_duration(std::chrono::milliseconds(value));
        };
        TRY(const std::uint64_t value, within(parse_duration(text), "a time with a unit,", write));
        sink.*field = std::chrono::milliseconds(value);
        return {};
    }
};

struct Writer {
    const SinkSetting& setting;
    const SinkConfig& sink;
    std::string operator()(std::string SinkConfig::* field) const { return sink.*field; }
    std::string operator()(std::uint64_t SinkConfig::* field) const {
        return setting.is_bytes ? format_bytes(sink.*field) : std::to_string(sink.*field);
    }
    std::string operator()(std::chrono::milliseconds SinkConfig::* field) const {
        return format_duration(sink.*field);
    }
};

}  // namespace

std::span<const SinkSetting> sink_settings() { return table; }

std::string_view name_of(SinkKind kind) {
    switch (kind) {
        case SinkKind::file: return "file";
        case SinkKind::webhook: return "webhook";
        case SinkKind::kafka: return "kafka";
        case SinkKind::mqtt: return "mqtt";
    }
    return "unknown";
}

Result<> assign(SinkConfig& sink, std::string_view name, const std::string& text) {
    if (name == "kind") {
        for (const SinkKind kind : sink_kinds)
            if (text == name_of(kind)) {
                sink.kind = kind;
                return {};
            }
        return refuse(fmt::format("must be {}, not '{}'", sink_kind_names, text));
    }
    const auto found = std::ranges::find(table, name, &SinkSetting::name);
    if (found == std::end(table)) return refuse("is not a setting of a sink");
    if (!found->is_of(sink.kind))
        return refuse(fmt::format("is not a setting of a {}", name_of(sink.kind)));
    return std::visit(Reader{*found, sink, text}, found->field);
}

std::string text_of(const SinkConfig& sink, const SinkSetting& setting) {
    return std::visit(Writer{setting, sink}, setting.field);
}

std::optional<Address> split_address(std::string_view text, std::uint16_t default_port) {
    Address address{.host = std::string(text), .port = default_port};
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos && (!text.contains(']') || text.rfind(']') < colon)) {
        const auto port = parse_count(std::string(text.substr(colon + 1)));
        if (!port || *port == 0 || *port > 65'535) return std::nullopt;
        address.port = static_cast<std::uint16_t>(*port);
        address.host = std::string(text.substr(0, colon));
    }
    if (address.host.starts_with('[') && address.host.ends_with(']'))
        address.host = address.host.substr(1, address.host.size() - 2);
    if (address.host.empty() || address.host.find_first_of(" /\t") != std::string::npos)
        return std::nullopt;
    return address;
}

std::vector<std::string> check(std::span<const SinkConfig> sinks) {
    std::vector<std::string> mistakes;
    std::set<std::string_view> names;
    std::set<std::string_view> paths;
    if (sinks.size() > sinks_max)
        mistakes.push_back(fmt::format("sinks: at most {} are possible", sinks_max));
    for (const SinkConfig& sink : sinks) {
        const auto mistake = [&](std::string_view text) {
            mistakes.push_back(fmt::format("sinks: '{}' {}", sink.name, text));
        };
        if (!is_name(sink.name)) mistake("must have a name of 1 to 64 letters, digits, - and _");
        else if (!names.insert(sink.name).second) mistake("is the name of two");
        const auto readable = [&](std::string_view setting, const std::string& path) {
            if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
                mistake(fmt::format("has a {} that cannot be read: '{}'", setting, path));
        };
        const auto one_of = [&](std::string_view setting, const std::string& text,
                                std::initializer_list<std::string_view> words) {
            if (std::ranges::find(words, text) == words.end())
                mistake(fmt::format("has a {} that is none: '{}'", setting, text));
        };
        switch (sink.kind) {
            case SinkKind::file:
                if (sink.path.empty()) mistake("needs a path");
                else if (!paths.insert(sink.path).second) mistake("has the path of another");
                continue;
            case SinkKind::webhook:
                if (const auto url = gateway::parse_https_url(sink.url); !url)
                    mistake("needs a url: " + url.error().message);
                one_of("format", sink.format, {"", "batch", "structured", "binary"});
                readable("secret_file", sink.secret_file);
                continue;
            case SinkKind::kafka:
                if (sink.brokers.empty()) mistake("needs brokers");
                one_of("sasl", sink.sasl, {"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"});
                break;
            case SinkKind::mqtt:
                if (!split_address(sink.address, 1)) mistake("needs an address, host or host:port");
                one_of("version", sink.version, {"5", "3.1.1"});
                if (sink.version != "5") one_of("format", sink.format, {"", "structured"});
                break;
        }
        if (sink.topic.empty()) mistake("needs a topic");
        if (sink.topic.find_first_of("#+") != std::string::npos)
            mistake("has a topic with a wildcard");
        one_of("format", sink.format, {"", "structured", "binary"});
        one_of("tls", sink.tls, {"on", "off"});
        readable("ca_file", sink.ca_file);
        readable("password_file", sink.password_file);
        if (sink.user_name.empty() && !sink.password_file.empty())
            mistake("has a password and no user_name");
    }
    return mistakes;
}

}  // namespace twinhub::apps
