#include "gateway/http/handlers.h"

#include "base/encoding.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::size_t json_depth_max = 64;

// "application/json", with any parameters behind it.
bool is_json(std::string_view content_type) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    return equals_ignoring_case(type, "application/json");
}

// Whether a comma-separated list names `wanted`.
bool lists(std::string_view list, std::string_view wanted) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        std::string_view entry = list.substr(0, end);
        while (entry.starts_with(' ')) entry.remove_prefix(1);
        while (entry.ends_with(' ')) entry.remove_suffix(1);
        if (equals_ignoring_case(entry, wanted)) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// The first subprotocol of the client's list that we speak, as the client wrote it.
std::string subprotocol_of(const Request& request, bool offers_amqp) {
    std::string_view list = request.field(Field::websocket_protocol).value_or("");
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        std::string_view name = list.substr(0, comma);
        list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
        while (name.starts_with(' ')) name.remove_prefix(1);
        while (name.ends_with(' ')) name.remove_suffix(1);
        if (equals_ignoring_case(name, "mqtt") || (offers_amqp && is_amqp_subprotocol(name)))
            return std::string(name);
    }
    return {};
}

}  // namespace

hub::Author author_of(const Call& call) {
    hub::Author author;
    author.cause = hub::Cause::service;
    author.principal = call.principal.name;
    author.request_id = client_request_id(call.request);
    author.client = call.client;
    return author;
}

Result<std::string_view> json_body(const Call& call) {
    if (call.request.body.empty()) return failure(Code::argument_null, "The request needs a body");
    const auto type = call.request.field(Field::content_type);
    if (type && !type->empty() && !is_json(*type))
        return failure(Code::media_type_unsupported, "The body must be application/json");
    return std::string_view(call.request.body);
}

Result<json::object> json_object(const Call& call) {
    TRY(const std::string_view body, json_body(call));
    TRY(json::value value, parse_json(body, JsonLimits{call.route.body_bytes_max, json_depth_max}));
    if (value.is_null()) return failure(Code::argument_null, "The request needs a body");
    if (!value.is_object()) return failure(Code::format_invalid, "The body must be a JSON object");
    return std::move(value.get_object());
}

Result<twin::Match> match_of(const Call& call) {
    const auto header = call.request.field(Field::if_match);
    if (!header) return twin::Match();
    return twin::Match::parse(*header);
}

bool is_amqp_subprotocol(std::string_view name) {
    return equals_ignoring_case(name, "AMQPWSB10") || equals_ignoring_case(name, "amqp");
}

Result<> check_device_handshake(const Request& request, bool offers_amqp) {
    const auto value = [&](Field field) { return request.field(field).value_or(""); };
    if (!request.upgrade || !lists(value(Field::upgrade), "websocket"))
        return failure(Code::argument_invalid,
                       "This address is for WebSocket connections of devices");
    if (value(Field::websocket_version) != "13")
        return failure(Code::argument_invalid, "The WebSocket version must be 13");
    const auto key = base64_decode(value(Field::websocket_key));
    if (!key || key->size() != 16)
        return failure(Code::argument_invalid, "The WebSocket key must be 16 bytes in base64");
    if (subprotocol_of(request, offers_amqp).empty())
        return failure(Code::operation_invalid,
                       offers_amqp ? "The WebSocket subprotocol must be mqtt or AMQPWSB10"
                                   : "The WebSocket subprotocol must be mqtt");
    return {};
}

WebSocketHandshake device_handshake(const Request& request, bool offers_amqp) {
    WebSocketHandshake handshake;
    handshake.target = request.target;
    handshake.host = request.field(Field::host).value_or("");
    handshake.key = request.field(Field::websocket_key).value_or("");
    handshake.protocol = subprotocol_of(request, offers_amqp);
    return handshake;
}

}  // namespace twinhub::gateway::http
