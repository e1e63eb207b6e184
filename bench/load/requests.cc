#include "requests.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace twinhub::load {
namespace {

constexpr std::string_view rid_item = "?$rid=";
constexpr std::string_view version_item = "&$version=";

template <class Number>
std::optional<Number> leading_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return {};
    return value;
}

}  // namespace

Requests Requests::twin() {
    return {.patch_topic = "$iothub/twin/PATCH/properties/reported/?$rid={rid}",
            .get_topic = "$iothub/twin/GET/?$rid={rid}",
            .subscriptions = {"$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"}};
}

Requests Requests::puback(std::string topic) {
    return {.patch_topic = std::move(topic),
            .get_topic = {},
            .subscriptions = {},
            .acknowledged_by_puback = true};
}

Requests Requests::topics(std::string patch, std::string get, std::string response) {
    return {.patch_topic = std::move(patch),
            .get_topic = std::move(get),
            .subscriptions = {std::move(response) + "/#"}};
}

TopicTemplate::TopicTemplate(std::string_view text) {
    while (!text.empty()) {
        const auto brace = text.find('{');
        if (brace != 0) parts_.push_back({Part::Kind::text, std::string(text.substr(0, brace))});
        if (brace == std::string_view::npos) break;
        text.remove_prefix(brace);
        if (text.starts_with("{id}")) {
            parts_.push_back({Part::Kind::device, {}});
            text.remove_prefix(4);
        } else if (text.starts_with("{rid}")) {
            parts_.push_back({Part::Kind::request, {}});
            text.remove_prefix(5);
        } else {
            parts_.push_back({Part::Kind::text, "{"});
            text.remove_prefix(1);
        }
    }
}

void TopicTemplate::append(std::string& out, std::string_view device, std::uint32_t request) const {
    for (const Part& part : parts_) {
        switch (part.kind) {
            case Part::Kind::text: out += part.text; break;
            case Part::Kind::device: out += device; break;
            case Part::Kind::request: {
                std::array<char, 12> digits;
                const auto end =
                    std::to_chars(digits.data(), digits.data() + digits.size(), request).ptr;
                out.append(digits.data(), end);
                break;
            }
        }
    }
}

std::optional<Answer> parse_answer(std::string_view topic) {
    const auto last = topic.rfind('/');
    if (last == std::string_view::npos || last == 0) return {};
    const auto before = topic.rfind('/', last - 1);
    if (before == std::string_view::npos) return {};
    const auto status = leading_number<unsigned>(topic.substr(before + 1, last - before - 1));
    std::string_view tail = topic.substr(last + 1);
    if (tail.starts_with(rid_item)) tail.remove_prefix(rid_item.size());
    const auto request = leading_number<std::uint32_t>(tail);
    if (!status || !request) return {};
    Answer answer{*request, *status, 0};
    if (const auto at = tail.find(version_item); at != std::string_view::npos)
        answer.version =
            leading_number<std::uint64_t>(tail.substr(at + version_item.size())).value_or(0);
    return answer;
}

std::string_view patch_body(std::uint64_t number) {
    static std::array<char, 96> buffer;
    const auto result =
        fmt::format_to_n(buffer.data(), buffer.size(), R"({{"battery":{},"temperature":{}.{}}})",
                         number % 101, 15 + number % 23, number % 10);
    return {buffer.data(), result.size};
}

}  // namespace twinhub::load
