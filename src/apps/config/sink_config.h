#pragma once

#include "base/result.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace twinhub::apps {

enum class SinkKind : std::uint8_t { file, webhook, kafka, mqtt };

// Where events go on to: one item of the list `sinks`, which only the file can hold. Those that no
// route names get the messages of all devices.
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

    // --- what brokers are, and what goes to them ---
    std::string brokers;  // of Kafka: "host:port, host:port"
    std::string address;  // of MQTT: "host" or "host:port"
    std::string topic;
    std::string format;         // empty: what is usual for the kind
    std::string version = "5";  // of MQTT
    std::string client_id;      // empty: of the hub's name and the sink's
    std::string tls = "on";
    std::string ca_file;  // PEM; empty: the system's
    std::string user_name;
    std::string password_file;
    std::string sasl;  // of Kafka; empty: PLAIN when there is a user name

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
    unsigned kinds;  // which have it, as bits (1 << kind)
    std::string_view about;
    bool is_bytes = false;
    std::uint64_t min = 0;  // of a number, or of a time in milliseconds
    std::uint64_t max = UINT64_MAX;

    bool is_of(SinkKind kind) const { return (kinds >> static_cast<unsigned>(kind) & 1) != 0; }
};
std::span<const SinkSetting> sink_settings();
std::string_view name_of(SinkKind kind);
inline constexpr std::array sink_kinds{SinkKind::file, SinkKind::webhook, SinkKind::kafka,
                                       SinkKind::mqtt};
// "file, webhook, kafka or mqtt"
inline constexpr std::string_view sink_kind_names = "file, webhook, kafka or mqtt";

// Puts `text` into the member `name`; `kind` comes first. Errors: argument_invalid, worded to
// follow the member's name.
Result<> assign(SinkConfig& sink, std::string_view name, const std::string& text);
std::string text_of(const SinkConfig& sink, const SinkSetting& setting);

// "broker.example.com:8883", "[::1]:1883"; nothing when it is no address.
struct Address {
    std::string host;
    std::uint16_t port = 0;
};
std::optional<Address> split_address(std::string_view text, std::uint16_t default_port);

// What one member's range cannot say: "sinks: 'archive' needs a path".
std::vector<std::string> check(std::span<const SinkConfig> sinks);

}  // namespace twinhub::apps
