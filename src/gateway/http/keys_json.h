#pragma once

#include "base/json.h"
#include "base/result.h"
#include "hub/registry.h"

#include <string>
#include <vector>

namespace twinhub::gateway::http {

// POST /devices/keys/regenerate (spec service-api 4.7).
struct KeysRequest {
    hub::KeyChoice choice = hub::KeyChoice::both;
    std::vector<TwinId> ids;
};

// Errors: argument_null, argument_invalid, format_invalid, too_many_devices.
Result<KeysRequest> read_keys_request(const json::object& body);

void append_keys_result(std::string& out, hub::KeyChoice choice, const hub::RotationResult& result);

}  // namespace twinhub::gateway::http
