#pragma once

#include "apps/config/config.h"
#include "base/result.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace twinhub::apps {

// How the text of a setting is read, beyond the type of its field.
enum class Form : std::uint8_t { plain, bytes, host_name, ip_address, file };

using Field =
    std::variant<std::string Config::*, std::vector<std::string> Config::*, std::uint64_t Config::*,
                 bool Config::*, std::chrono::milliseconds Config::*, Port Config::*,
                 LogLevel Config::*, Log::Format Config::*, KeyType Config::*,
                 query::Dialect Config::*, query::MissingCompares Config::*>;

// One setting: a row of the table that the file, the environment, the command line and
// docs/configuration.md are all made from.
struct Setting {
    std::string_view path;  // in the file: "listen.https_port"
    Field field;
    std::string_view about;  // one sentence
    Form form = Form::plain;
    std::uint64_t min = 0;  // of a number, or of a time in milliseconds
    std::uint64_t max = UINT64_MAX;

    std::string variable() const;  // TWINHUB_LISTEN_HTTPS_PORT
    std::string flag() const;      // --listen-https-port
};

std::span<const Setting> settings();
const Setting* find_setting(std::string_view path);

// Puts `texts` into the field: one text, or the items of a list. Errors: argument_invalid, worded
// to follow the setting's name ("must be 1 to 65535, not 0").
Result<> assign(const Setting& setting, Config& config, std::span<const std::string> texts);

// As `assign` reads it: items of a list, or one text ("30d", "256MiB", "off").
std::vector<std::string> texts_of(const Setting& setting, const Config& config);

// What format_duration and format_bytes write, and a bare number; nothing for anything else.
std::optional<std::uint64_t> parse_duration(std::string_view text);  // milliseconds
std::optional<std::uint64_t> parse_bytes(std::string_view text);
std::optional<std::uint64_t> parse_count(std::string_view text);

// "5s", "500ms", "30d" and "256MiB", "4KiB", "100".
std::string format_duration(std::chrono::milliseconds value);
std::string format_bytes(std::uint64_t value);

}  // namespace twinhub::apps
