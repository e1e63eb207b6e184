#pragma once

#include "base/ids.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::protocol::mqtt {

// Who says to be connecting to which hub: client id and user name of a CONNECT (spec
// device-protocols 1.2). A claim until the credential is checked.
struct UserName {
    std::string host;  // as sent: compare with the hub's names ignoring case
    TwinId identity;
    std::string api_version;              // "2021-04-12"; empty means the newest
    std::optional<std::string> model_id;  // DTMI; absent keeps what the twin has
    std::string agent;                    // DeviceClientType, for the log; free text
    std::string auth_chain;               // edge gateways; free text
};

// `{host}/{clientId}` and, all optional, `/`, `?` and the query. The client id tells where the
// query begins: ids may hold `?` and `=`. Errors: argument_invalid, without the text (it may be
// anything).
Result<UserName> parse_user_name(std::string_view user_name, std::string_view client_id);

// The user name that our own clients send.
std::string make_user_name(std::string_view host, const TwinId& identity,
                           std::string_view agent = {}, std::string_view model_id = {});

}  // namespace twinhub::protocol::mqtt
