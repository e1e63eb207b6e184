#include "protocol/mqtt/user_name.h"

#include "base/encoding.h"
#include "base/twin_id.h"
#include "protocol/mqtt/limits.h"

#include <algorithm>

namespace twinhub::protocol::mqtt {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 2021-04-12, 2021-04-12-preview
bool is_api_version(std::string_view text) {
    if (text.ends_with("-preview")) text.remove_suffix(8);
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
    for (const std::size_t i : {0u, 1u, 2u, 3u, 5u, 6u, 8u, 9u})
        if (!is_digit(text[i])) return false;
    return true;
}

// Agents may hold a bare percent sign; then the text is taken as it came.
std::string decode(std::string_view text) {
    auto decoded = percent_decode(text);
    return decoded ? *std::move(decoded) : std::string(text);
}

bool is_model_id(std::string_view text) {
    return text.size() <= model_id_bytes_max && text.find('\0') == text.npos && is_valid_utf8(text);
}

// What may follow the client id: nothing, "/", "/?query", "?query" and the old "/api-version=...".
// Gives the query, or nothing for any other text.
std::optional<std::string_view> query_after_identity(std::string_view text) {
    if (text.empty() || text == "/") return std::string_view();
    if (text.starts_with("/?")) return text.substr(2);
    if (text.starts_with('?')) return text.substr(1);
    if (text.starts_with("/api-version=")) return text.substr(1);
    return std::nullopt;
}

Result<> read_query(std::string_view query, UserName& user) {
    while (!query.empty()) {
        const std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(item.size() + 1, query.size()));
        const std::size_t equals = item.find('=');
        if (equals == item.npos) continue;
        const std::string name = decode(item.substr(0, equals));
        std::string value = decode(item.substr(equals + 1));
        if (equals_ignoring_case(name, "api-version")) {
            if (is_api_version(value)) user.api_version = std::move(value);
        } else if (equals_ignoring_case(name, "model-id")) {
            if (!is_model_id(value))
                return failure(Code::argument_invalid,
                               "The model id of the user name is not valid");
            if (!value.empty()) user.model_id = std::move(value);
        } else if (equals_ignoring_case(name, "DeviceClientType")) {
            user.agent = std::move(value);
        } else if (equals_ignoring_case(name, "auth-chain")) {
            user.auth_chain = std::move(value);
        }
    }
    return {};
}

}  // namespace

Result<UserName> parse_user_name(std::string_view user_name, std::string_view client_id) {
    if (user_name.size() > user_name_bytes_max)
        return failure(Code::argument_invalid, "The user name is too long");
    UserName user;
    TRY(user.identity, parse_twin_id(client_id));
    const std::size_t slash = user_name.find('/');
    if (slash == 0 || slash == user_name.npos)
        return failure(Code::argument_invalid,
                       "The user name does not begin with a host name and a slash");
    user.host = user_name.substr(0, slash);
    std::string_view rest = user_name.substr(slash + 1);
    if (!rest.starts_with(client_id))
        return failure(Code::argument_invalid,
                       "The user name does not name the client id behind the host");
    rest.remove_prefix(client_id.size());
    const auto query = query_after_identity(rest);
    if (!query)
        return failure(Code::argument_invalid,
                       "The user name goes on in an unknown way behind the client id");
    TRY_VOID(read_query(*query, user));
    return user;
}

std::string make_user_name(std::string_view host, const TwinId& identity, std::string_view agent,
                           std::string_view model_id) {
    std::string text(host);
    text += '/';
    text += identity.text();
    text += "/?api-version=2021-04-12";
    if (!agent.empty()) text += "&DeviceClientType=" + percent_encode(agent);
    if (!model_id.empty()) text += "&model-id=" + percent_encode(model_id);
    return text;
}

}  // namespace twinhub::protocol::mqtt
