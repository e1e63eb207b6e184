// What devices ask over HTTPS (spec device-protocols 5). There is no twin here.
#include "gateway/http/device_message.h"
#include "gateway/http/handlers.h"
#include "gateway/http/metrics.h"
#include "gateway/wire_error.h"

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

Task<Result<>> refuse_upload(Call& call) {
    const Error error{Code::not_found, "This hub does not offer file upload", {}};
    call.reply.status = wire_status(error.code).http();
    call.reply.error_name = wire_status(error.code).name;
    call.reply.body = device_error(error, call.hub.random(), call.hub.clock().now());
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
