#pragma once

#include "base/ids.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace twinhub::protocol::mqtt {

// The topics of spec device-protocols 2 and 3: what a device publishes is read into these values
// (views into the topic), what the hub publishes is built below, and the other way round for
// clients.

struct GetTopic {
    std::string_view rid;
    friend bool operator==(const GetTopic&, const GetTopic&) = default;
};
struct ReportTopic {
    std::string_view rid;
    // Refuse unless the reported version is this one. A text that is no number became the largest
    // number, which never is the version.
    std::optional<std::uint64_t> base_version;
    friend bool operator==(const ReportTopic&, const ReportTopic&) = default;
};
struct TelemetryTopic {
    std::string_view bag;  // still encoded: see decode_properties
    friend bool operator==(const TelemetryTopic&, const TelemetryTopic&) = default;
};
struct MethodResponseTopic {
    int status = 0;
    std::string_view rid;
    friend bool operator==(const MethodResponseTopic&, const MethodResponseTopic&) = default;
};
using DeviceTopic = std::variant<GetTopic, ReportTopic, TelemetryTopic, MethodResponseTopic>;

// What `identity` means by publishing to `topic`; nothing for a topic that is not its to publish
// to.
std::optional<DeviceTopic> parse_device_topic(std::string_view topic, const TwinId& identity);

// The identity's telemetry topic with the bag, or nothing.
std::optional<TelemetryTopic> parse_telemetry_topic(std::string_view topic, const TwinId& identity);

// Message properties in order, names as decoded ("$.mid", "level"). A broken escape is kept as it
// came, since the C SDK sends unescaped text; "+" is a plus; a name alone has an empty value.
using Properties = std::vector<std::pair<std::string, std::string>>;
Properties decode_properties(std::string_view bag);
std::string encode_properties(const Properties& properties);

struct TwinResponseTopic {
    int status = 0;
    std::string_view rid;
    std::optional<std::uint64_t> version;
    friend bool operator==(const TwinResponseTopic&, const TwinResponseTopic&) = default;
};
struct DesiredTopic {
    std::uint64_t version = 0;
    friend bool operator==(const DesiredTopic&, const DesiredTopic&) = default;
};
struct MethodRequestTopic {
    std::string_view name;
    std::string_view rid;
    friend bool operator==(const MethodRequestTopic&, const MethodRequestTopic&) = default;
};
using HubTopic = std::variant<TwinResponseTopic, DesiredTopic, MethodRequestTopic>;

// What the hub says with `topic`, for clients: the simulator, the load generator, tests.
std::optional<HubTopic> parse_hub_topic(std::string_view topic);

// A topic built without the heap: long enough for the longest rid and a method name of
// 128 bytes.
class TopicText {
public:
    TopicText& add(std::string_view text);
    TopicText& add(std::uint64_t number);
    std::string_view view() const { return {text_.data(), size_}; }
    operator std::string_view() const { return view(); }

private:
    std::array<char, 448> text_;
    std::size_t size_ = 0;
};

TopicText make_topic(const GetTopic& topic);
TopicText make_topic(const ReportTopic& topic);
TopicText make_topic(const TwinResponseTopic& topic);
TopicText make_topic(const DesiredTopic& topic);
TopicText make_topic(const MethodRequestTopic& topic);  // name up to 128 bytes
TopicText make_topic(const MethodResponseTopic& topic);
// A property of a message to a device; without a value it shows as its name alone.
struct BagItem {
    std::string_view name;  // as decoded
    std::optional<std::string_view> value;
};
// Where the messages to a device are published (spec device-protocols 3.3); without '/' in the bag.
std::string make_device_bound_topic(const DeviceId& device, std::span<const BagItem> items);
struct DeviceBoundTopic {
    std::string_view bag;  // still encoded
    friend bool operator==(const DeviceBoundTopic&, const DeviceBoundTopic&) = default;
};
// For clients, as parse_hub_topic.
std::optional<DeviceBoundTopic> parse_device_bound_topic(std::string_view topic,
                                                         const DeviceId& device);
// No topic can name a device with a wildcard in its id (spec device-protocols 9.1).
bool is_publishable(const DeviceId& device);

std::string make_telemetry_topic(const TwinId& identity, const Properties& properties = {});

}  // namespace twinhub::protocol::mqtt
