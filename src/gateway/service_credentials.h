#pragma once

#include "base/result.h"
#include "hub/access.h"
#include "protocol/sas/token.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::gateway {

// Proves who sent a service request by its `Authorization` header (spec service-api 2.1). One for
// each connection: it remembers the last token that it proved, because a client sends the same one
// with every request and the HMAC would be most of the cost of a read.
class ServiceCredentials {
public:
    // `path` is the decoded path of the request, `hosts` are the hub's names. The principal lives
    // until the next call. Errors: unauthorized, the same for every reason.
    Result<const hub::Principal*> authenticate(std::string_view authorization,
                                               std::string_view path,
                                               std::span<const std::string> hosts,
                                               const std::shared_ptr<const hub::Policies>& policies,
                                               Instant now);

private:
    std::string proved_text_;  // the header that proved_token_ was read from; empty = none
    protocol::sas::Token proved_token_;
    std::shared_ptr<const hub::Policies> proved_policies_;
    hub::Principal principal_;
};

}  // namespace twinhub::gateway
