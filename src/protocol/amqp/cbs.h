#pragma once

#include "base/result.h"
#include "protocol/amqp/message.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::protocol::amqp {

// A request on `$cbs` (spec device-protocols 4.2).
struct PutToken {
    std::string audience;  // `name`, as sent
    std::string token;
};

// Errors: argument_invalid; answered with 400.
Result<PutToken> read_put_token(const Message& request);

// Its inverse: what a client sends, with the id "token".
Message put_token_request(const PutToken& put);

// The answer to a request; its id comes back with the same type.
Message cbs_response(const Message& request, int status, std::string_view description);

// Whether the audience names what the token is for: the same resource, or one below it. Either may
// be escaped, once or twice.
bool audience_matches(std::string_view audience, std::string_view resource);

// Who a user name of SASL PLAIN says it is (4.1): `{deviceId}@sas.{hub}`,
// `{deviceId}/{moduleId}@sas.{hub}`, `{policy}@sas.root.{hub}`. Nothing when it is none of them.
struct PlainUser {
    std::string name;  // of a device, a module behind a slash, or a policy
    std::string hub;   // the first label of its host name
    bool is_policy = false;
};
std::optional<PlainUser> parse_plain_user(std::string_view user);

}  // namespace twinhub::protocol::amqp
