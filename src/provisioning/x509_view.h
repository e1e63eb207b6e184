#pragma once

#include "base/result.h"
#include "provisioning/enrollment.h"
#include "provisioning/enrollment_rules.h"

#include <string>

namespace twinhub::provisioning {

// The `x509` member of an attestation: facts of the certificates, not the certificates (spec
// service-api 11.3).
void append_x509(std::string& out, const X509Proof& proof);

// Puts the certificates into `next` that `wish` names by their thumbprints and `current` has.
// Errors: argument_invalid when it has not.
Result<> keep_certificates(const Enrollment& current, const EnrollmentWish& wish, Enrollment& next);

}  // namespace twinhub::provisioning
