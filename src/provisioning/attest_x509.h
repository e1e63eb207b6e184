#pragma once

#include "provisioning/attest.h"

// The part of attest.h that is about certificates.
namespace twinhub::provisioning {

// Those that sign for devices; empty for another role. Unreadable ones are left out.
std::vector<x509::Certificate> signers_of(const X509Proof& proof);

// By the enrolled certificate itself, or by one under an enrolled or named authority.
Attested attest_by_own_certificate(const Caller& caller,
                                   const std::shared_ptr<const Enrollment>& enrollment,
                                   const X509Proof& proof, const AttestationRules& rules);

Attested attest_by_group_certificates(const Caller& caller, std::span<const Group> groups,
                                      const AttestationRules& rules);

}  // namespace twinhub::provisioning
