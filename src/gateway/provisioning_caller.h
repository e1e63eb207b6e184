#pragma once

#include "base/result.h"
#include "gateway/transport.h"
#include "provisioning/attest.h"

#include <string>
#include <string_view>

namespace twinhub::gateway {

// Who asks for an assignment over `transport`: what it says, and the certificate that it showed.
// Errors: argument_invalid (the registration id), unauthorized (certificates beyond their limits).
Result<provisioning::Caller> provisioning_caller(const Transport& transport, std::string_view scope,
                                                 std::string_view registration,
                                                 std::string_view token);

}  // namespace twinhub::gateway
