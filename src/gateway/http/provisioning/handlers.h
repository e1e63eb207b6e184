#pragma once

#include "gateway/http/handlers.h"
#include "provisioning/provisioning.h"

namespace twinhub::gateway::http {

// Enrollments, individual ones and groups (spec service-api 11.1).
Task<Result<>> get_enrollment(Call& call);
Task<Result<>> put_enrollment(Call& call);
Task<Result<>> delete_enrollment(Call& call);
Task<Result<>> bulk_enrollments(Call& call);
Task<Result<>> query_enrollments(Call& call);
Task<Result<>> get_attestation(Call& call);

// What became of registrations.
Task<Result<>> get_registration(Call& call);
Task<Result<>> delete_registration(Call& call);
Task<Result<>> query_registrations(Call& call);

// The service itself: its id scope, its hubs.
Task<Result<>> get_provisioning(Call& call);
Task<Result<>> list_linked_hubs(Call& call);
Task<Result<>> get_linked_hub(Call& call);
Task<Result<>> put_linked_hub(Call& call);
Task<Result<>> delete_linked_hub(Call& call);

// Devices (spec device-protocols 7.3); their credential is judged by the service.
Task<Result<>> register_device(Call& call);
Task<Result<>> get_operation(Call& call);
Task<Result<>> look_up_registration(Call& call);

// What kind of enrollment the address is about, and which; the errors name what clients know it by.
provisioning::EnrollmentKind enrollment_kind(const Call& call);
Result<provisioning::ProvisioningId> enrollment_id(const Call& call);

}  // namespace twinhub::gateway::http
