// Messages to devices and their feedback (spec service-api 10.2). Sending is twinhub's own: the
// cloud takes messages over AMQP alone.
#include "base/encoding.h"
#include "base/json_members.h"
#include "gateway/http/handlers.h"
#include "gateway/message_words.h"

namespace twinhub::gateway::http {
namespace {

Result<> read_text(const json::object& body, std::string_view name, std::string& into) {
    TRY(auto text, text_member(body, name));
    if (text) into = *std::move(text);
    return {};
}

Result<> read_properties(const json::object& body, hub::CloudMessage& message) {
    TRY(const json::object* properties, object_member(body, "properties"));
    if (properties == nullptr) return {};
    for (const auto& [name, value] : *properties) {
        hub::MessageProperty property{std::string(name), std::nullopt};
        if (const json::string* text = value.if_string())
            property.value = std::string(text->data(), text->size());
        else if (!value.is_null())
            return failure(Code::argument_invalid, "The value must be a string or null",
                           "properties." + property.name);
        message.properties.push_back(std::move(property));
    }
    return {};
}

Result<> read_payload(const json::object& body, hub::CloudMessage& message) {
    TRY(auto text, text_member(body, "payload"));
    TRY(const auto base64, text_member(body, "payloadBase64"));
    if (text && base64)
        return failure(Code::argument_invalid, "Give the payload as text or in base64, not both",
                       "payload");
    if (text) message.payload = *std::move(text);
    if (!base64) return {};
    auto bytes = base64_decode(*base64);
    if (!bytes) return failure(Code::argument_invalid, "The value must be base64", "payloadBase64");
    message.payload = *std::move(bytes);
    return {};
}

Result<hub::CloudMessage> read_message(const json::object& body) {
    hub::CloudMessage message;
    TRY_VOID(read_text(body, "messageId", message.message_id));
    TRY_VOID(read_text(body, "correlationId", message.correlation_id));
    TRY_VOID(read_text(body, "userId", message.user_id));
    TRY_VOID(read_text(body, "to", message.to));
    TRY_VOID(read_text(body, "contentType", message.content_type));
    TRY_VOID(read_text(body, "contentEncoding", message.content_encoding));
    TRY(const auto expires, text_member(body, "expiryTimeUtc"));
    if (expires) {
        auto instant = parse_instant(*expires);
        if (!instant)
            return failure(Code::argument_invalid, "The value must be an ISO 8601 time",
                           "expiryTimeUtc");
        message.expires = *instant;
    }
    TRY(const auto ack, text_member(body, "ack"));
    if (ack) {
        const auto acknowledge = acknowledge_named(*ack);
        if (!acknowledge)
            return failure(Code::argument_invalid,
                           "The value must be none, positive, negative or full", "ack");
        message.acknowledge = *acknowledge;
    }
    TRY_VOID(read_properties(body, message));
    TRY_VOID(read_payload(body, message));
    return message;
}

Task<Result<>> settle_feedback(Call& call, hub::Outcome outcome) {
    std::string token(segment_of(call.route, call.request, "{token}"));
    CO_TRY_VOID(co_await call.hub.feedback().settle(std::move(token), outcome));
    call.reply.status = 204;
    co_return Result<>();
}

}  // namespace

Task<Result<>> send_message(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::CloudMessage message, read_message(body));
    if (message.message_id.empty()) message.message_id = call.hub.random().uuid();
    CO_TRY(const hub::CloudMessages::Sent sent,
           co_await call.hub.cloud_messages().send(call.object.device, std::move(message)));
    std::string& answer = call.reply.body;
    answer += R"({"deviceId":)";
    append_json_string(answer, call.object.device.text());
    answer += R"(,"messageId":)";
    append_json_string(answer, sent.message_id);
    answer += R"(,"sequenceNumber":)";
    append_json_number(answer, sent.sequence);
    answer += '}';
    co_return Result<>();
}

Task<Result<>> purge_commands(Call& call) {
    CO_TRY(const std::uint64_t purged,
           co_await call.hub.cloud_messages().purge(call.object.device));
    call.reply.body += R"({"totalMessagesPurged":)";
    append_json_number(call.reply.body, purged);
    call.reply.body += R"(,"deviceId":)";
    append_json_string(call.reply.body, call.object.device.text());
    call.reply.body += R"(,"moduleId":null})";
    co_return Result<>();
}

Task<Result<>> receive_feedback(Call& call) {
    CO_TRY(const std::optional<hub::FeedbackBatch> batch, co_await call.hub.feedback().receive());
    if (!batch) {
        call.reply.status = 204;
        co_return Result<>();
    }
    call.reply.etag = batch->lock_token;
    call.reply.body += feedback_json(batch->records);
    co_return Result<>();
}

Task<Result<>> complete_feedback(Call& call) {
    return settle_feedback(call, hub::Outcome::complete);
}
Task<Result<>> abandon_feedback(Call& call) { return settle_feedback(call, hub::Outcome::abandon); }

}  // namespace twinhub::gateway::http
