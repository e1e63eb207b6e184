#pragma once

#include "base/json.h"
#include "base/result.h"
#include "provisioning/enrollment_rules.h"

#include <optional>

namespace twinhub::gateway::http {

// Reads the body of PUT /enrollments/{id} or /enrollmentGroups/{id} (spec service-api 11.3). Takes
// what clients send back of what they read: nulls and members that are only shown are passed over.
// `named`: the id in the address, which the body may leave out and must not contradict. Errors:
// argument_invalid with the member.
Result<provisioning::EnrollmentWish> read_enrollment(
    const json::object& body, provisioning::EnrollmentKind kind,
    const std::optional<provisioning::ProvisioningId>& named);

}  // namespace twinhub::gateway::http
