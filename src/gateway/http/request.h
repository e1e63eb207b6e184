#pragma once

#include "gateway/http/limits.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::gateway::http {

enum class Method : std::uint8_t { get, put, post, patch, remove, other };

// The fields that anything here looks at; all others are skipped while parsing.
enum class Field : std::uint8_t {
    host,
    authorization,
    content_type,
    content_encoding,
    accept,
    accept_encoding,
    expect,
    if_match,
    request_id,
    client_request_id,
    max_item_count,
    continuation,
    query_dialect,
    last_event_id,
    upgrade,
    websocket_key,
    websocket_version,
    websocket_protocol,
    count,
};

// Nothing for a field that is skipped. Names are ASCII-case-insensitive.
std::optional<Field> field_named(std::string_view name);

// Whether a field belongs to a device's message: `iothub-...`.
bool is_device_field(std::string_view name);

// One request as it came. Reused from one to the next: clear() keeps the memory.
class Request {
public:
    Method method = Method::other;
    bool head = false;  // HEAD: answered without a body
    unsigned version = 11;
    bool keep_alive = true;
    bool upgrade = false;  // Connection: upgrade
    std::string target;    // as sent
    std::string path;      // decoded, without a trailing slash
    std::string query;     // as sent, without '?'
    std::string body;

    // Nothing when the field was not sent; empty text when it was sent empty.
    std::optional<std::string_view> field(Field name) const;
    void set_field(Field name, std::string_view value);

    // The `iothub-...` fields, which devices describe a message with: names as sent.
    std::span<const std::pair<std::string, std::string>> device_fields() const {
        return device_fields_;
    }
    void add_device_field(std::string_view name, std::string_view value) {
        device_fields_.emplace_back(name, value);
    }

    // Splits `target` into path, segments and query; a segment is decoded once, and '+' stays a
    // plus (spec service-api 1.2). False for a target that is not a path or has a broken escape.
    bool split_target();
    std::span<const std::string> segments() const {
        return std::span(segments_).first(segment_count_);
    }
    bool has_too_many_segments() const { return too_many_segments_; }

    // The decoded value of a query parameter; the first when there are several.
    std::optional<std::string> parameter(std::string_view name) const;
    // All of them, in order.
    std::vector<std::string> parameters(std::string_view name) const;

    void clear();

private:
    struct Value {
        bool present = false;
        std::string text;
    };
    std::array<Value, static_cast<std::size_t>(Field::count)> fields_;
    std::array<std::string, path_segments_max> segments_;
    std::vector<std::pair<std::string, std::string>> device_fields_;
    std::size_t segment_count_ = 0;
    bool too_many_segments_ = false;
};

}  // namespace twinhub::gateway::http
