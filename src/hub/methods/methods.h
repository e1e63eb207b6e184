#pragma once

#include "base/ids.h"
#include "base/task.h"
#include "hub/author.h"
#include "hub/methods/method_call.h"

namespace twinhub::hub {

class Shards;

// Direct methods (spec service-api 10.1). Callable on any loop.
class Methods {
public:
    explicit Methods(Shards& shards) : shards_(shards) {}

    // Has a connected device or module do something and waits for its answer. Errors:
    // argument_invalid (name, times), message_too_large, device_not_found (a disabled device too),
    // module_not_found, device_not_online (away, or it does not take this method), gateway_timeout,
    // device_answer_invalid, throttled (too many calls wait), timeout (nobody waits any more).
    Task<Result<MethodResult>> invoke(TwinId id, MethodCall call, Author author);

private:
    Shards& shards_;
};

}  // namespace twinhub::hub
