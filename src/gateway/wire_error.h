#pragma once

#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "gateway/wire_status.h"

#include <string>

namespace twinhub::gateway {

// The body of a refused device request (spec device-protocols 2.2): what the SDKs take for the
// reason, because some of them look at nothing else.
std::string device_error(const Error& error, Random& random, Instant now);

}  // namespace twinhub::gateway
