#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace twinhub::apps {

enum class SinkKind : std::uint8_t { file, webhook };

// Where messages of devices go on to: one item of the list `sinks`, which only the file can hold.
struct SinkConfig {
    std::string name;
    SinkKind kind = SinkKind::file;

    // --- file ---
    std::string path;
    std::uint64_t file_bytes_max = 100 << 20;
    std::chrono::milliseconds file_age_max{std::chrono::days{1}};
    std::uint64_t files_max = 10;

    // --- webhook ---
    std::string url;
    std::string secret_file;  // empty: requests are not signed
    std::uint64_t batch_messages_max = 100;
    std::uint64_t batch_bytes_max = 256 << 10;
    std::chrono::milliseconds delay{1000};
    std::chrono::milliseconds retry_for{std::chrono::minutes{10}};

    std::uint64_t buffer_bytes_max = 16 << 20;  // of messages that wait

    friend bool operator==(const SinkConfig&, const SinkConfig&) = default;
};

inline constexpr std::size_t sinks_max = 16;

// One member of an item of `sinks`.
struct SinkSetting {
    std::string_view name;  // in the file
    std::variant<std::string SinkConfig::*, std::uint64_t SinkConfig::*,
                 std::chrono::milliseconds SinkConfig::*>
        field;
    bool of_file;  // which kinds have it
    bool of_webhook;
    std::string_view about;
    bool is_bytes = false;
    std::uint64_t min = 0;  // of a number, or of a time in milliseconds
    std::uint64_t max = UINT64_MAX;

    bool is_of(SinkKind kind) const { return kind == SinkKind::file ? of_file : of_webhook; }
};
std::span<const SinkSetting> sink_settings();
std::string_view name_of(SinkKind kind);

// Puts `text` into the member `name`; `kind` comes first. Errors: argument_invalid, worded to
// follow the member's name.
Result<> assign(SinkConfig& sink, std::string_view name, const std::string& text);
std::string text_of(const SinkConfig& sink, const SinkSetting& setting);

// What one member's range cannot say: "sinks: 'archive' needs a path".
std::vector<std::string> check(std::span<const SinkConfig> sinks);

}  // namespace twinhub::apps
