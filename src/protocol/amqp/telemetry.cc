#include "protocol/amqp/telemetry.h"

#include "protocol/amqp/address.h"

namespace twinhub::protocol::amqp {
namespace {

// Clients fill a batch up to the size of a message that the hub takes. Nothing that can be read is
// much smaller than this.
constexpr std::size_t batch_messages_max = 50'000;
constexpr std::size_t values_of_section = 2;

Telemetry telemetry_of(const Message& message) {
    Telemetry read;
    const auto add = [&read](std::string name, std::optional<std::string> value) {
        if (value) read.properties.emplace_back(std::move(name), std::move(*value));
    };
    const auto add_annotation = [&](std::string name, std::string_view annotation) {
        if (const Value* value = find(message.annotations, annotation))
            add(std::move(name), shown(*value));
    };
    for (const auto& [name, value] : message.application_properties)
        add(name == "iothub-outputname"          ? "$.on"
            : name == "iothub-creation-time-utc" ? "$.ctime"
                                                 : name,
            shown(value).value_or(""));
    add("$.mid", shown(message.message_id));
    add("$.cid", shown(message.correlation_id));
    if (!message.user_id.empty()) add("$.uid", message.user_id);
    // The address of the link says nothing: over MQTT nobody writes it.
    if (message.to && parse_address(*message.to).endpoint != Endpoint::events)
        add("$.to", message.to);
    add("$.ct", message.content_type);
    add("$.ce", message.content_encoding);
    if (message.absolute_expiry) add("$.exp", shown(Value::of_timestamp(*message.absolute_expiry)));
    if (message.creation_time) add("$.ctime", shown(Value::of_timestamp(*message.creation_time)));
    add_annotation("$.ifid", "iothub-interface-id");
    add_annotation("$.sub", "dt-subject");
    add_annotation("$.diagid", "Diagnostic-Id");
    add_annotation("$.diagctx", "Correlation-Context");
    read.payload = message.body();
    return read;
}

}  // namespace

Result<std::vector<Telemetry>> read_telemetry(std::string_view bytes, std::uint32_t format) {
    std::vector<Telemetry> all;
    if (format != batch_format) {
        TRY(const Message message, decode_message(bytes));
        all.push_back(telemetry_of(message));
        return all;
    }
    TRY(const Message whole,
        decode_message(bytes, message_values_max + values_of_section * batch_messages_max));
    if (whole.data.size() > batch_messages_max)
        return failure(Code::format_invalid, "The batch has too many messages");
    for (const std::string& section : whole.data) {
        TRY(const Message message, decode_message(section));
        all.push_back(telemetry_of(message));
    }
    return all;
}

}  // namespace twinhub::protocol::amqp
