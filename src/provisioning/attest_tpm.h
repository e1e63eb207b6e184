#pragma once

#include "provisioning/attest.h"

#include <expected>

// The part of attest.h that is about TPMs.
namespace twinhub::provisioning {

// The keys that a device shows, when they are the enrolled ones: the endorsement key, and the
// storage root key when the enrollment names one. `individual`: the enrollment of the id, if there
// is one.
std::expected<tpm::Keys, Doubt> judge_tpm_keys(const Enrollment* individual, const TpmKeys& shown);

// By the answer to a challenge: a token that is signed by its key.
Attested attest_by_tpm(const Caller& caller, const std::shared_ptr<const Enrollment>& enrollment,
                       const TpmKeys& enrolled, const AttestationRules& rules);

}  // namespace twinhub::provisioning
