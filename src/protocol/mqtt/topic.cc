#include "protocol/mqtt/topic.h"

#include "base/encoding.h"
#include "base/result.h"
#include "protocol/mqtt/limits.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

namespace twinhub::protocol::mqtt {
namespace {

constexpr std::string_view twin_get = "$iothub/twin/GET/";
constexpr std::string_view twin_report = "$iothub/twin/PATCH/properties/reported/";
constexpr std::string_view twin_response = "$iothub/twin/res/";
constexpr std::string_view twin_desired = "$iothub/twin/PATCH/properties/desired/";
constexpr std::string_view method_request = "$iothub/methods/POST/";
constexpr std::string_view method_response = "$iothub/methods/res/";

bool eat(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Cuts `topic` at its first '?'; the query is empty when there is none.
struct SplitTopic {
    std::string_view path;
    std::string_view query;
};
SplitTopic split(std::string_view topic) {
    const std::size_t mark = topic.find('?');
    if (mark == topic.npos) return {topic, {}};
    return {topic.substr(0, mark), topic.substr(mark + 1)};
}

bool is_path(std::string_view path, std::string_view with_slash) {
    return path == with_slash || path == with_slash.substr(0, with_slash.size() - 1);
}

struct Items {
    std::string_view rid;
    std::optional<std::string_view> version;
};

// The items of a query that matter, `$` also as `%24`; the first of a name counts.
Items read_items(std::string_view query) {
    Items items;
    while (!query.empty()) {
        std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(item.size() + 1, query.size()));
        if (!eat(item, "$") && !eat(item, "%24")) continue;
        if (eat(item, "rid=")) {
            if (items.rid.empty()) items.rid = item;
        } else if (eat(item, "version=")) {
            if (!items.version) items.version = item;
        }
    }
    return items;
}

bool is_rid(std::string_view rid) { return !rid.empty() && rid.size() <= rid_bytes_max; }

std::optional<DeviceTopic> parse_twin_topic(std::string_view topic) {
    const auto [path, query] = split(topic);
    const bool is_report = is_path(path, twin_report);
    if (!is_report && !is_path(path, twin_get)) return std::nullopt;
    const Items items = read_items(query);
    if (!is_rid(items.rid)) return std::nullopt;
    if (!is_report) return GetTopic{items.rid};
    ReportTopic report{items.rid, std::nullopt};
    if (items.version)
        report.base_version = parse_number<std::uint64_t>(*items.version)
                                  .value_or(std::numeric_limits<std::uint64_t>::max());
    return report;
}

// `{status}/?$rid=...` behind a prefix.
template <class Topic>
std::optional<Topic> parse_status_topic(std::string_view rest, Items& items) {
    const auto [path, query] = split(rest);
    const auto status =
        parse_number<int>(path.ends_with('/') ? path.substr(0, path.size() - 1) : path);
    items = read_items(query);
    if (!status || !is_rid(items.rid)) return std::nullopt;
    Topic topic;
    topic.status = *status;
    topic.rid = items.rid;
    return topic;
}

}  // namespace

std::optional<DeviceTopic> parse_device_topic(std::string_view topic, const TwinId& identity) {
    if (topic.starts_with("$iothub/twin/")) return parse_twin_topic(topic);
    if (eat(topic, method_response)) {
        Items items;
        if (const auto parsed = parse_status_topic<MethodResponseTopic>(topic, items))
            return *parsed;
        return std::nullopt;
    }
    if (const auto telemetry = parse_telemetry_topic(topic, identity)) return *telemetry;
    return std::nullopt;
}

std::optional<TelemetryTopic> parse_telemetry_topic(std::string_view topic,
                                                    const TwinId& identity) {
    if (!eat(topic, "devices/") || !eat(topic, identity.device.text())) return std::nullopt;
    if (identity.is_module() && !(eat(topic, "/modules/") && eat(topic, identity.module.text())))
        return std::nullopt;
    if (!eat(topic, "/messages/events")) return std::nullopt;
    if (topic.empty()) return TelemetryTopic{};
    if (!eat(topic, "/")) return std::nullopt;
    return TelemetryTopic{topic};
}

Properties decode_properties(std::string_view bag) {
    if (bag.starts_with('?')) bag.remove_prefix(1);
    if (bag.ends_with('/')) bag.remove_suffix(1);
    const auto decode = [](std::string_view text) {
        auto decoded = percent_decode(text);
        return decoded ? *std::move(decoded) : std::string(text);
    };
    Properties properties;
    while (!bag.empty()) {
        const std::string_view item = bag.substr(0, bag.find('&'));
        bag.remove_prefix(std::min(item.size() + 1, bag.size()));
        if (item.empty()) continue;
        const std::size_t equals = std::min(item.find('='), item.size());
        properties.emplace_back(
            decode(item.substr(0, equals)),
            equals == item.size() ? std::string() : decode(item.substr(equals + 1)));
    }
    return properties;
}

std::string encode_properties(const Properties& properties) {
    std::string bag;
    for (const auto& [name, value] : properties) {
        if (!bag.empty()) bag += '&';
        bag += percent_encode(name);  // "$.mid" as "%24.mid", which is all the C SDK understands
        bag += '=';
        bag += percent_encode(value);
    }
    return bag;
}

std::optional<HubTopic> parse_hub_topic(std::string_view topic) {
    if (eat(topic, twin_response)) {
        Items items;
        auto parsed = parse_status_topic<TwinResponseTopic>(topic, items);
        if (!parsed) return std::nullopt;
        if (items.version) {
            parsed->version = parse_number<std::uint64_t>(*items.version);
            if (!parsed->version) return std::nullopt;
        }
        return *parsed;
    }
    if (eat(topic, twin_desired)) {
        if (!eat(topic, "?")) return std::nullopt;
        const auto version = parse_number<std::uint64_t>(read_items(topic).version.value_or(""));
        if (!version) return std::nullopt;
        return DesiredTopic{*version};
    }
    if (eat(topic, method_request)) {
        const auto [path, query] = split(topic);
        const Items items = read_items(query);
        if (path.size() < 2 || !path.ends_with('/') || !is_rid(items.rid)) return std::nullopt;
        return MethodRequestTopic{path.substr(0, path.size() - 1), items.rid};
    }
    return std::nullopt;
}

TopicText& TopicText::add(std::string_view text) {
    CHECK(text.size() <= text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
}

TopicText& TopicText::add(std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return add(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

TopicText make_topic(const GetTopic& topic) {
    TopicText text;
    return text.add(twin_get).add("?$rid=").add(topic.rid);
}

TopicText make_topic(const ReportTopic& topic) {
    TopicText text;
    text.add(twin_report).add("?$rid=").add(topic.rid);
    if (topic.base_version) text.add("&$version=").add(*topic.base_version);
    return text;
}

TopicText make_topic(const TwinResponseTopic& topic) {
    CHECK(topic.status >= 100 && topic.status <= 999);  // the Java SDK reads three digits
    TopicText text;
    text.add(twin_response)
        .add(static_cast<std::uint64_t>(topic.status))
        .add("/?$rid=")
        .add(topic.rid);
    if (topic.version) text.add("&$version=").add(*topic.version);
    return text;
}

TopicText make_topic(const DesiredTopic& topic) {
    TopicText text;
    return text.add(twin_desired).add("?$version=").add(topic.version);
}

TopicText make_topic(const MethodRequestTopic& topic) {
    TopicText text;
    return text.add(method_request).add(topic.name).add("/?$rid=").add(topic.rid);
}

TopicText make_topic(const MethodResponseTopic& topic) {
    TopicText text;
    text.add(method_response);
    if (topic.status < 0) text.add("-");
    const auto status = static_cast<std::int64_t>(topic.status);
    return text.add(static_cast<std::uint64_t>(status < 0 ? -status : status))
        .add("/?$rid=")
        .add(topic.rid);
}

std::string make_device_bound_topic(const DeviceId& device, std::span<const BagItem> items) {
    std::string topic = "devices/" + device.text() + "/messages/devicebound/";
    bool first = true;
    for (const BagItem& item : items) {
        if (!std::exchange(first, false)) topic += '&';
        topic += percent_encode(item.name);  // "$.mid" as "%24.mid": what the C SDK understands
        if (!item.value) continue;
        topic += '=';
        topic += percent_encode(*item.value);
    }
    return topic;
}

std::optional<DeviceBoundTopic> parse_device_bound_topic(std::string_view topic,
                                                         const DeviceId& device) {
    if (!eat(topic, "devices/") || !eat(topic, device.text()) ||
        !eat(topic, "/messages/devicebound/"))
        return std::nullopt;
    return DeviceBoundTopic{topic};
}

bool is_publishable(const DeviceId& device) {
    return device.text().find_first_of("+#") == std::string::npos;
}

std::string make_telemetry_topic(const TwinId& identity, const Properties& properties) {
    std::string topic = "devices/" + identity.device.text();
    if (identity.is_module()) topic += "/modules/" + identity.module.text();
    return topic + "/messages/events/" + encode_properties(properties);
}

}  // namespace twinhub::protocol::mqtt
