#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::load {

// How a device asks and recognises the answer. {id} and {rid} in a topic stand for the device and
// the number of the request.
struct Requests {
    std::string patch_topic;
    std::string get_topic;
    std::vector<std::string> subscriptions;  // {id} only
    bool acknowledged_by_puback = false;     // QoS 1; otherwise QoS 0 and an answer on a topic

    // device-protocols 2.1.
    static Requests twin();
    // A QoS 1 publish that nobody answers but the broker: the bar for the connection layer.
    static Requests puback(std::string topic);
    // The answer comes on RESPONSE/{status}/{rid}; `response` is that prefix and may hold {id}.
    static Requests topics(std::string patch, std::string get, std::string response);
};

// A topic with its placeholders found once.
class TopicTemplate {
public:
    explicit TopicTemplate(std::string_view text);
    void append(std::string& out, std::string_view device, std::uint32_t request) const;

private:
    struct Part {
        enum class Kind : std::uint8_t { text, device, request } kind;
        std::string text;
    };
    std::vector<Part> parts_;
};

struct Answer {
    std::uint32_t request = 0;
    unsigned status = 0;        // 200, 204 or an error
    std::uint64_t version = 0;  // 0 when the topic names none
    friend bool operator==(const Answer&, const Answer&) = default;
};
// Reads both .../{status}/?$rid={rid}[&$version={v}] and .../{status}/{rid}.
std::optional<Answer> parse_answer(std::string_view topic);

// A patch of two reported properties that differs from request to request.
std::string_view patch_body(std::uint64_t number);

}  // namespace twinhub::load
