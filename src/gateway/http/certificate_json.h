#pragma once

#include "base/json.h"
#include "base/result.h"
#include "hub/certificates/certificates.h"

#include <span>
#include <string>

namespace twinhub::gateway::http {

// A certificate authority as Azure's management API shows it; what it has no word for is under
// `twinhub` (docs/spec/DECISIONS.md). Its verification code is told only to who made it.
enum class ShowCode : bool { no, yes };
void append_authority(std::string& out, const hub::Authority& authority, ShowCode code);

// All that are registered, and besides what the operator's files hold.
void append_authorities(std::string& out, std::span<const hub::AuthorityPtr> authorities,
                        std::span<const x509::Certificate> of_files);

// Errors: argument_null, argument_invalid.
Result<hub::AuthoritySpec> read_authority(const json::object& body, std::string_view name);

}  // namespace twinhub::gateway::http
