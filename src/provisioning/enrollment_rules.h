#pragma once

#include "base/random.h"
#include "base/result.h"
#include "provisioning/enrollment.h"
#include "twin/update.h"

#include <span>
#include <string>
#include <string_view>

namespace twinhub::provisioning {

// What a client asks an enrollment to be.
struct EnrollmentWish {
    Enrollment enrollment;  // etag and times are not looked at
    // Nothing was said of the keys: those that are there stay. Empty keys that were said are made.
    bool keys_left_out = false;
    // In place of a certificate: the SHA-256 thumbprint of the one that is there, which stays.
    std::string kept_primary;
    std::string kept_secondary;
};

// A new enrollment (spec service-api 11.3): keys that are not given are made, as are etag and
// times. `hosts` are the hubs that may be named. Errors: argument_invalid with the member.
Result<Enrollment> make_enrollment(EnrollmentWish wish, std::span<const std::string> hosts,
                                   Instant now, Random& random);

// The enrollment that replaces `current`: whole, but for keys and certificates that the wish leaves
// out. Errors: as make_enrollment.
Result<Enrollment> replace_enrollment(const Enrollment& current, EnrollmentWish wish,
                                      std::span<const std::string> hosts, Instant now,
                                      Random& random);

// "0a0b0c0d-0000-0000-0000-60a600000000" (spec service-api 11.2), without quotes.
std::string new_etag(Random& random);

// The initial twin as an update that fills a new twin or resets one. Errors: argument_invalid.
Result<twin::ServiceUpdate> initial_update(const InitialTwin& initial);

}  // namespace twinhub::provisioning
