#include "protocol/amqp/twin_messages.h"

namespace twinhub::protocol::amqp {
namespace {

std::string_view text_of_annotation(const Message& message, std::string_view name) {
    const Value* value = find(message.annotations, name);
    return value != nullptr ? text_of(*value).value_or("") : std::string_view{};
}

constexpr std::string_view reported = "/properties/reported";
constexpr std::string_view desired = "/properties/desired";
constexpr std::string_view notifications = "/notifications/twin/properties/desired";

}  // namespace

Result<TwinRequest> read_twin_request(const Message& request) {
    const std::string_view operation = text_of_annotation(request, "operation");
    const std::string_view resource = text_of_annotation(request, "resource");
    TwinRequest read;
    if (operation == "GET") return read;
    if (operation == "PATCH" && resource == reported) {
        read.kind = TwinRequest::Kind::report;
        if (const Value* version = find(request.annotations, "version");
            version != nullptr && !version->is_null()) {
            const auto number = integer_of(*version);
            if (!number || *number < 0)
                return failure(Code::argument_invalid, "The version has to be a number");
            read.base_version = static_cast<std::uint64_t>(*number);
        }
        return read;
    }
    if ((operation == "PUT" || operation == "DELETE") && resource == notifications) {
        read.kind =
            operation == "PUT" ? TwinRequest::Kind::subscribe : TwinRequest::Kind::unsubscribe;
        return read;
    }
    return failure(Code::argument_invalid, "Unknown twin operation or resource");
}

Message twin_response(const Value& correlation_id, int status, std::optional<std::uint64_t> version,
                      std::string_view body) {
    Message response;
    response.annotations = {{"status", Value::of_int(status)}};
    if (version)
        response.annotations.emplace_back("version",
                                          Value::of_long(static_cast<std::int64_t>(*version)));
    response.correlation_id = correlation_id;
    response.data.emplace_back(body);
    return response;
}

Message desired_notification(std::uint64_t version, std::string_view body) {
    Message notification;
    notification.annotations = {{"resource", Value::of_string(desired)},
                                {"version", Value::of_long(static_cast<std::int64_t>(version))}};
    notification.data.emplace_back(body);
    return notification;
}

}  // namespace twinhub::protocol::amqp
