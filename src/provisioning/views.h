#pragma once

#include "provisioning/enrollment.h"
#include "provisioning/registration.h"

#include <string>
#include <string_view>

// Enrollments and registrations as clients read them.
namespace twinhub::provisioning {

// Keys are shown to who asks for them alone (spec service-api 11.3).
enum class Keys : std::uint8_t { hidden, shown };

// IndividualEnrollment or EnrollmentGroup; `state` is the registration of an individual one.
void append_enrollment(std::string& out, const Enrollment& enrollment, Keys keys,
                       const Registration* state = nullptr);
void append_attestation(std::string& out, const Attestation& attestation, Keys keys);

// DeviceRegistrationState, as services read it.
void append_registration(std::string& out, const Registration& registration);

// What a device is told (spec device-protocols 7.6).
void append_assigning(std::string& out, std::string_view operation);
void append_result(std::string& out, std::string_view operation, const Registration& registration);
// The registrationState of it alone: the answer to a status lookup.
void append_result_state(std::string& out, const Registration& registration);

}  // namespace twinhub::provisioning
