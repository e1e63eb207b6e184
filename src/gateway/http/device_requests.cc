// What devices ask over HTTPS (spec device-protocols 5). There is no twin here.
#include "base/encoding.h"
#include "gateway/http/device_message.h"
#include "gateway/http/handlers.h"
#include "gateway/http/metrics.h"
#include "gateway/wire_error.h"
#include "hub/messages/cloud_messages.h"

namespace twinhub::gateway::http {
namespace {

std::size_t bytes_of(const DeviceMessage& message) {
    std::size_t bytes = message.payload.size();
    for (const auto& [name, value] : message.properties) bytes += name.size() + value.size();
    return bytes;
}

void publish(Call& call, DeviceMessage message) {
    call.metrics.device_messages.Increment();
    call.metrics.device_message_bytes.Increment(static_cast<double>(message.payload.size()));
    hub::DeviceEvents& events = call.hub.device_events();
    if (!events.is_heard()) return;
    events.publish(std::make_shared<const hub::DeviceEvent>(
        hub::DeviceEvent{.id = call.object,
                         .at = call.hub.clock().now(),
                         .properties = std::move(message.properties),
                         .payload = std::move(message.payload)}));
}

std::string_view name_of(hub::Acknowledge acknowledge) {
    switch (acknowledge) {
        case hub::Acknowledge::none: return "none";
        case hub::Acknowledge::positive: return "positive";
        case hub::Acknowledge::negative: return "negative";
        case hub::Acknowledge::full: return "full";
    }
    return "none";
}

// What is to be known of a message besides its payload, as header fields.
void describe(Reply& reply, const DeviceId& device, const hub::LockedMessage& received) {
    const hub::CloudMessage& message = received.message;
    const auto put = [&reply](std::string_view property, std::string_view value) {
        if (!value.empty()) reply.add_text_field(header_of(property), value);
    };
    put("$.mid", message.message_id);
    put("$.cid", message.correlation_id);
    put("$.uid", message.user_id);
    put("$.to",
        message.to.empty() ? "/devices/" + device.text() + "/messages/deviceBound" : message.to);
    put("$.ct", message.content_type);
    put("$.ce", message.content_encoding);
    if (message.expires != never) put("$.exp", format_instant(message.expires));
    put("iothub-ack", name_of(message.acknowledge));
    reply.add_field("iothub-enqueuedtime", format_instant(received.enqueued));
    reply.add_field("iothub-sequencenumber", std::to_string(received.sequence));
    reply.add_field("iothub-deliverycount", std::to_string(received.delivery_count));
    // Their names are fit for it: the queue takes no others.
    for (const hub::MessageProperty& property : message.properties)
        reply.add_text_field("iothub-app-" + property.name, property.value.value_or(""));
}

// A lock token as If-Match has it, with its quotes or without.
Result<> check_match(const Call& call, std::string_view token) {
    std::string_view match = call.request.field(Field::if_match).value_or(token);
    if (match.size() >= 2 && match.starts_with('"') && match.ends_with('"'))
        match = match.substr(1, match.size() - 2);
    if (match == token || match == "*") return {};
    return failure(Code::precondition_failed, "If-Match names another message");
}

Task<Result<>> settle(Call& call, hub::Outcome outcome) {
    const std::string token = ascii_lower(segment_of(call.route, call.request, "{token}"));
    CO_TRY_VOID(check_match(call, segment_of(call.route, call.request, "{token}")));
    CO_TRY_VOID(co_await call.hub.cloud_messages().settle(call.object.device, token, outcome));
    call.reply.status = 204;
    co_return Result<>();
}

}  // namespace

Task<Result<>> send_event(Call& call) {
    std::vector<DeviceMessage> messages;
    if (is_message_batch(call.request.field(Field::content_type).value_or(""))) {
        CO_TRY(messages, parse_message_batch(call.request.body));
    } else {
        messages.push_back({message_properties(call.request.device_fields()), call.request.body});
    }
    for (const DeviceMessage& message : messages)
        if (bytes_of(message) > call.route.body_bytes_max)
            co_return failure(Code::message_too_large,
                              "The message is larger than 256 KB with its properties");
    for (DeviceMessage& message : messages) publish(call, std::move(message));
    call.reply.status = 204;
    co_return Result<>();
}

// The device has it now, until it settles it or the lock ends.
Task<Result<>> receive_message(Call& call) {
    CO_TRY(std::optional<hub::LockedMessage> received,
           co_await call.hub.cloud_messages().receive(call.object.device));
    if (!received) {
        call.reply.status = 204;
        co_return Result<>();
    }
    describe(call.reply, call.object.device, *received);
    call.reply.etag = received->lock_token;
    const std::string& type = received->message.content_type;
    call.reply.content_type = type.empty() ? "application/octet-stream" : type;
    call.reply.body = std::move(received->message.payload);
    co_return Result<>();
}

Task<Result<>> complete_or_reject_message(Call& call) {
    const bool reject = call.request.parameter("reject").has_value();
    return settle(call, reject ? hub::Outcome::reject : hub::Outcome::complete);
}

Task<Result<>> abandon_message(Call& call) { return settle(call, hub::Outcome::abandon); }

Task<Result<>> refuse_upload(Call& call) {
    const Error error{Code::not_found, "This hub does not offer file upload", {}};
    call.reply.status = wire_status(error.code).http();
    call.reply.error_name = wire_status(error.code).name;
    call.reply.body = device_error(error, call.hub.random(), call.hub.clock().now());
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
