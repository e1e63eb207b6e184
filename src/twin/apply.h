#pragma once

#include "base/result.h"
#include "twin/change.h"
#include "twin/update.h"

#include <cstdint>
#include <optional>
#include <string>

namespace twinhub::twin {

// What the device is told about a new desired version (spec twin-document 11).
struct Notification {
    std::uint64_t version = 0;  // desired.$version, also in the body
    std::string body;

    friend bool operator==(const Notification&, const Notification&) = default;
};

struct Applied {
    Twin next;
    Change change;                             // change.empty() when nothing was written
    std::optional<Notification> notification;  // when desired was written
};

// Applies a PATCH or PUT of a service. Pure: an error leaves nothing behind.
// Errors: argument_invalid when a part would grow beyond its limit (spec twin-document 6).
Result<Applied> apply(const Twin& twin, ServiceUpdate update, Instant now);

// Applies what a device reports. `base_version`: the reported version that the device built on.
// Errors: precondition_failed when that is not the current one, argument_invalid for the size.
Result<Applied> apply_report(const Twin& twin, Patch patch,
                             std::optional<std::uint64_t> base_version, Instant now);

// Puts a twin back to its initial state (provisioning, spec twin-document 10): tags and desired
// become what `initial` says, reported is cleared. The versions go on rising: nobody reads an older
// one after a newer one. Errors: argument_invalid for the size.
Result<Applied> apply_reset(const Twin& twin, ServiceUpdate initial, Instant now);

// A new twin that starts with content (bulk create, provisioning): its counters stay at the start
// (spec twin-document 10). Errors: argument_invalid for the size.
Result<Twin> fresh_with(const ServiceUpdate& initial, Instant created);

}  // namespace twinhub::twin
