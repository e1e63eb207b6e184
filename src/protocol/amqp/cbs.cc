#include "protocol/amqp/cbs.h"

#include "base/encoding.h"

#include <array>

namespace twinhub::protocol::amqp {
namespace {

constexpr std::string_view operation = "put-token";
constexpr std::string_view token_type = "servicebus.windows.net:sastoken";

std::string text_of_property(const Message& message, std::string_view name) {
    const Value* value = find(message.application_properties, name);
    return value != nullptr ? std::string(text_of(*value).value_or("")) : std::string();
}

bool is_below(std::string_view path, std::string_view parent) {
    while (parent.ends_with('/')) parent.remove_suffix(1);
    if (parent.empty() || !equals_ignoring_case(path.substr(0, parent.size()), parent))
        return false;
    return path.size() == parent.size() || path[parent.size()] == '/';
}

std::array<std::string, 3> spellings(std::string_view text) {
    std::string once = percent_decode(text).value_or(std::string(text));
    std::string twice = percent_decode(once).value_or(once);
    return {std::string(text), std::move(once), std::move(twice)};
}

}  // namespace

Result<PutToken> read_put_token(const Message& request) {
    if (text_of_property(request, "operation") != operation)
        return failure(Code::argument_invalid, "The operation has to be put-token");
    if (text_of_property(request, "type") != token_type)
        return failure(Code::argument_invalid,
                       "The type has to be servicebus.windows.net:sastoken");
    PutToken put{.audience = text_of_property(request, "name"), .token = request.body()};
    if (put.audience.empty()) return failure(Code::argument_invalid, "The name is missing");
    if (put.token.empty()) return failure(Code::argument_invalid, "The token is missing");
    return put;
}

Message put_token_request(const PutToken& put) {
    Message request;
    request.message_id = Value::of_string("token");
    request.to = "$cbs";
    request.reply_to = "cbs";
    request.application_properties = {{"operation", Value::of_string(operation)},
                                      {"type", Value::of_string(token_type)},
                                      {"name", Value::of_string(put.audience)}};
    request.value = Value::of_string(put.token);
    return request;
}

Message cbs_response(const Message& request, int status, std::string_view description) {
    Message response;
    response.correlation_id = request.message_id;
    response.application_properties = {{"status-code", Value::of_int(status)},
                                       {"status-description", Value::of_string(description)}};
    response.value = Value{};
    return response;
}

bool audience_matches(std::string_view audience, std::string_view resource) {
    for (const std::string& one : spellings(audience))
        for (const std::string& other : spellings(resource))
            if (is_below(one, other)) return true;
    return false;
}

std::optional<PlainUser> parse_plain_user(std::string_view user) {
    constexpr std::string_view policy_mark = "@sas.root.", identity_mark = "@sas.";
    // The last mark: an id may hold one, too.
    const std::size_t at = user.rfind(identity_mark);
    if (at == 0 || at == std::string_view::npos) return std::nullopt;
    PlainUser parsed;
    parsed.name = user.substr(0, at);
    parsed.is_policy = user.substr(at).starts_with(policy_mark);
    parsed.hub = user.substr(at + (parsed.is_policy ? policy_mark.size() : identity_mark.size()));
    if (parsed.hub.empty()) return std::nullopt;
    return parsed;
}

}  // namespace twinhub::protocol::amqp
