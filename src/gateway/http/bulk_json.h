#pragma once

#include "base/json.h"
#include "base/result.h"
#include "hub/registry.h"

#include <string>
#include <string_view>
#include <vector>

namespace twinhub::gateway::http {

// An item that failed, named as the client named it: the name itself may be what is wrong.
struct BulkFailure {
    std::string device;
    std::string module;  // empty for a device
    Error error;
};

// What can be asked of the registry, and what is refused already for how it is written.
struct BulkRequest {
    std::vector<hub::BulkItem> items;
    std::vector<BulkFailure> refused;
};

// Reads the body of POST /devices (spec service-api 4.6). A bad item does not spoil the others.
// `now` is the time of values that moved here without theirs.
// Errors, for the whole request: format_invalid (not an array of objects), too_many_devices.
Result<BulkRequest> read_bulk(const json::value& body, Instant now);

// {"isSuccessful":..,"errors":[..],"warnings":[]}
void append_bulk_result(std::string& out, const std::vector<BulkFailure>& failures);

// The name of an error inside a bulk result: one of those that every client can parse.
std::string_view bulk_error_name(Code code);

}  // namespace twinhub::gateway::http
