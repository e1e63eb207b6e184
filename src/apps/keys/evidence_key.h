#pragma once

#include "apps/config/config.h"
#include "base/random.h"
#include "base/result.h"
#include "x509/signing_key.h"

namespace twinhub::apps {

// The key that exports are sealed with: DATA/evidence.key (a secret), made at first start, and
// DATA/evidence.pub, which auditors keep.

// Makes what is missing. True when it did. Errors: internal, and those of read_evidence_key.
Result<bool> ensure_evidence_key(const Config& config, Random& random);

// Errors: not_found, unauthorized (others may read it), format_invalid, internal.
Result<x509::SigningKey> read_evidence_key(const Config& config);

}  // namespace twinhub::apps
