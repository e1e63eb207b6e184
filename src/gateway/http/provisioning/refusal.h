#pragma once

#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "gateway/http/reply.h"
#include "gateway/provisioning_error.h"

namespace twinhub::gateway::http {

// Makes `reply` the refusal for `error` as the provisioning service says it, keeping what was put
// into `fields` for it.
void refuse_provisioning(Reply& reply, const Error& error, Subject subject, Random& random,
                         Instant now);

}  // namespace twinhub::gateway::http
