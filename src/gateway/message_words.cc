#include "gateway/message_words.h"

#include "base/encoding.h"
#include "base/json.h"

#include <array>
#include <utility>

namespace twinhub::gateway {
namespace {

using hub::Acknowledge;

constexpr std::array<std::pair<Acknowledge, std::string_view>, 4> names{{
    {Acknowledge::none, "none"},
    {Acknowledge::positive, "positive"},
    {Acknowledge::negative, "negative"},
    {Acknowledge::full, "full"},
}};

}  // namespace

std::string_view name_of(Acknowledge acknowledge) {
    return names[static_cast<std::size_t>(acknowledge)].second;
}

std::optional<Acknowledge> acknowledge_named(std::string_view name) {
    for (const auto& [acknowledge, text] : names)
        if (equals_ignoring_case(text, name)) return acknowledge;
    return std::nullopt;
}

std::string address_of(const DeviceId& device, const hub::CloudMessage& message) {
    if (!message.to.empty()) return message.to;
    return "/devices/" + device.text() + "/messages/devicebound";
}

std::string feedback_json(std::span<const hub::FeedbackRecord> records) {
    std::string body = "[";
    for (const hub::FeedbackRecord& record : records) {
        if (body.size() > 1) body += ',';
        body += R"({"originalMessageId":)";
        append_json_string(body, record.message_id);
        body += R"(,"description":)";
        append_json_string(body, hub::name_of(record.end));
        body += R"(,"statusCode":)";
        append_json_string(body, hub::name_of(record.end));
        body += R"(,"deviceGenerationId":)";
        append_json_string(body, record.generation_id);
        body += R"(,"deviceId":)";
        append_json_string(body, record.device.text());
        body += R"(,"enqueuedTimeUtc":)";
        append_json_string(body, format_instant(record.at));
        body += '}';
    }
    return body + ']';
}

}  // namespace twinhub::gateway
