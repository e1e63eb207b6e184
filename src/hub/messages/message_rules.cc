#include "hub/messages/message_rules.h"

#include "base/encoding.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace twinhub::hub {
namespace {

constexpr std::size_t id_text_bytes_max = 128;  // spec service-api 4.3 has it for ids
constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t properties_max = 100;
// Three times as much when every byte is escaped, and the longest device id, must fit into the
// 65,535 bytes of a topic.
constexpr std::size_t properties_bytes_max = 16 * 1024;

bool is_text(std::string_view text) {
    return is_valid_utf8(text) && std::ranges::none_of(text, [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

// The names that a header field may have.
bool is_property_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

Result<> check_text(std::string_view text, std::size_t bytes_max, std::string where) {
    if (text.size() > bytes_max)
        return failure(Code::argument_invalid,
                       "The text must not be longer than " + std::to_string(bytes_max) + " bytes",
                       std::move(where));
    if (!is_text(text))
        return failure(Code::argument_invalid, "The text must be UTF-8 without control characters",
                       std::move(where));
    return {};
}

}  // namespace

Result<> check_message(const CloudMessage& message, std::uint32_t bytes_max) {
    TRY_VOID(check_text(message.message_id, id_text_bytes_max, "messageId"));
    TRY_VOID(check_text(message.correlation_id, id_text_bytes_max, "correlationId"));
    TRY_VOID(check_text(message.user_id, id_text_bytes_max, "userId"));
    TRY_VOID(check_text(message.to, text_bytes_max, "to"));
    TRY_VOID(check_text(message.content_type, text_bytes_max, "contentType"));
    TRY_VOID(check_text(message.content_encoding, text_bytes_max, "contentEncoding"));
    if (message.properties.size() > properties_max)
        return failure(Code::argument_invalid, "A message has at most 100 properties",
                       "properties");
    std::size_t bytes = 0;
    for (const MessageProperty& property : message.properties) {
        const std::string_view value =
            property.value ? std::string_view(*property.value) : std::string_view();
        if (!is_property_name(property.name))
            return failure(Code::argument_invalid,
                           "The name of a property has letters, digits and !#$%&'*+-.^_`|~ only",
                           "properties");
        if (!is_text(value))
            return failure(Code::argument_invalid,
                           "The value of a property must be UTF-8 without control characters",
                           "properties." + property.name);
        bytes += property.name.size() + value.size();
    }
    bytes += message.message_id.size() + message.correlation_id.size() + message.user_id.size() +
             message.to.size() + message.content_type.size() + message.content_encoding.size();
    if (bytes > properties_bytes_max)
        return failure(Code::message_too_large,
                       "The properties of a message must not be larger than 16 KB together",
                       "properties");
    if (bytes + message.payload.size() > bytes_max)
        return failure(Code::message_too_large, "The message is larger than the limit of " +
                                                    std::to_string(bytes_max) +
                                                    " bytes with its properties");
    return {};
}

}  // namespace twinhub::hub
