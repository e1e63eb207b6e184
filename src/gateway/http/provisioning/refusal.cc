#include "gateway/http/provisioning/refusal.h"

namespace twinhub::gateway::http {

void refuse_provisioning(Reply& reply, const Error& error, Subject subject, Random& random,
                         Instant now) {
    const std::uint32_t number = provisioning_number(error, subject);
    reply.status = number / 1000;
    reply.etag.clear();
    reply.lines.reset();
    reply.error_name = {};
    reply.body = provisioning_error(error, subject, random, now);
    reply.add_field("x-ms-error-code", std::to_string(number));
}

}  // namespace twinhub::gateway::http
