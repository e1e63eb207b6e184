#pragma once

#include "base/result.h"
#include "provisioning/enrollment.h"
#include "provisioning/ids.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::provisioning {

// What a device says when it registers (spec device-protocols 7.2, 7.3).
struct RegisterRequest {
    std::string payload;         // JSON text for a custom allocation; empty when there is none
    std::optional<TpmKeys> tpm;  // the public keys of its TPM
};

// The body may be empty, may lack the registration id and may have a null payload: each is what
// some SDK sends. Errors: format_invalid, argument_invalid (another registration id),
// message_too_large.
Result<RegisterRequest> parse_register(std::string_view body, const ProvisioningId& id);

}  // namespace twinhub::provisioning
