#pragma once

#include "base/json.h"
#include "base/result.h"
#include "hub/methods/method_call.h"

namespace twinhub::hub {

// Reads methodName, payload and the two timeouts of a request (spec service-api 10.1); whether they
// are within their limits MethodCalls::check says. Errors: argument_null (no name),
// argument_invalid.
Result<MethodCall> read_method_call(const json::object& body);

}  // namespace twinhub::hub
