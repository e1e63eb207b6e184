#pragma once

#include "base/ids.h"

namespace twinhub {

// What TwinId::text() writes: `{deviceId}`, or `{deviceId}/{moduleId}`. MQTT client ids, user names
// of SASL PLAIN and the steps of a gateway's chain have this form. Errors: argument_invalid.
Result<TwinId> parse_twin_id(std::string_view text);

}  // namespace twinhub
