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

constexpr bool yes = true, no = false;
const SinkSetting table[] = {
    {"name", &SinkConfig::name, yes, yes,
     "What metrics and the log call it: letters, digits, - and _."},
    {"path", &SinkConfig::path, yes, no, "The newest file; older ones have .1, .2, ... behind it."},
    {"file_bytes_max", &SinkConfig::file_bytes_max, yes, no, "A larger file is put aside.", true,
     64 * kib, 1024 * gib},
    {"file_age_max", &SinkConfig::file_age_max, yes, no,
     "An older file is put aside when the next message comes.", false, minute, 366 * day},
    {"files_max", &SinkConfig::files_max, yes, no, "Files kept, the newest included.", false, 1,
     1000},
    {"url", &SinkConfig::url, no, yes, "Where messages are sent, https://..."},
    {"secret_file", &SinkConfig::secret_file, no, yes,
     "File with the secret that signs each request, 16 bytes at least; empty: none does."},
    {"batch_messages_max", &SinkConfig::batch_messages_max, no, yes, "Messages of one request.",
     false, 1, 10'000},
    {"batch_bytes_max", &SinkConfig::batch_bytes_max, no, yes,
     "Size of one request; a larger message goes alone.", true, kib, 16 * mib},
    {"delay", &SinkConfig::delay, no, yes, "How long a message waits for others.", false, 0, hour},
    {"retry_for", &SinkConfig::retry_for, no, yes,
     "How long a request is tried again before its messages are lost.", false, 0, day},
    {"buffer_bytes_max", &SinkConfig::buffer_bytes_max, yes, yes,
     "Memory for messages that wait; beyond, further ones are lost.", true, 512 * kib, gib},
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

std::string_view name_of(SinkKind kind) { return kind == SinkKind::file ? "file" : "webhook"; }

Result<> assign(SinkConfig& sink, std::string_view name, const std::string& text) {
    if (name == "kind") {
        for (const SinkKind kind : {SinkKind::file, SinkKind::webhook})
            if (text == name_of(kind)) {
                sink.kind = kind;
                return {};
            }
        return refuse(fmt::format("must be file or webhook, not '{}'", text));
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
        if (sink.kind == SinkKind::file) {
            if (sink.path.empty()) mistake("needs a path");
            else if (!paths.insert(sink.path).second) mistake("has the path of another");
            continue;
        }
        if (const auto url = gateway::parse_https_url(sink.url); !url)
            mistake("needs a url: " + url.error().message);
        if (!sink.secret_file.empty() && ::access(sink.secret_file.c_str(), R_OK) != 0)
            mistake(fmt::format("has a secret_file that cannot be read: '{}'", sink.secret_file));
    }
    return mistakes;
}

}  // namespace twinhub::apps
