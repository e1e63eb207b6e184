#pragma once

#include "base/json.h"
#include "base/result.h"
#include "hub/identity.h"
#include "hub/views.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// A device or module as the registry shows it (spec service-api 4.2, 4.5).
void append_identity(std::string& out, const hub::IdentityView& view);

// What a PUT asks for. `id` comes from the path, and `deviceId` and `moduleId` must agree with it.
// Unknown and read-only members are ignored. Errors: argument_invalid naming the member.
Result<hub::IdentitySpec> read_identity(const json::object& body, const TwinId& id);

// The members that a PUT and an item of a bulk request share.
Result<hub::IdentitySpec> read_identity_members(const json::object& body, const TwinId& id);

}  // namespace twinhub::gateway::http
