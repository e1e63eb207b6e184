#pragma once

#include "base/time.h"
#include "provisioning/enrollment.h"

#include <cstdint>
#include <string>
#include <vector>

namespace twinhub::provisioning {

// Where a registration stands (spec device-protocols 7.5). Stored: never renumber.
enum class Progress : std::uint8_t {
    unassigned = 0,
    assigning = 1,
    assigned = 2,
    failed = 3,
    disabled = 4
};

// How it came to its hub (spec service-api 11.3). Stored: never renumber.
enum class Substatus : std::uint8_t {
    none = 0,
    initial_assignment = 1,
    device_data_migrated = 2,
    device_data_reset = 3,
    reprovisioned_to_initial_assignment = 4,
};

inline constexpr std::size_t operations_kept = 8;  // newest operations of a registration

struct Operation {
    std::string id;  // [0-9A-Za-z.-]: clients put it into topics as it is
    Instant started = never;
    friend bool operator==(const Operation&, const Operation&) = default;
};

// What is known of one registration id that proved itself: where it was assigned to last.
struct Registration {
    ProvisioningId id;
    EnrollmentKind kind = EnrollmentKind::individual;  // of the enrollment it came by
    std::string enrollment;                            // and its id
    std::uint8_t attestation = 0;                      // index in Attestation
    Progress progress = Progress::unassigned;
    Substatus substatus = Substatus::none;
    std::string hub;  // assigned: host name; kept while later attempts fail
    std::string device_id;
    std::uint32_t error_number = 0;  // failed
    std::string error_message;
    std::string payload;  // JSON text from a custom allocation; empty when there was none
    Instant created = never;
    Instant updated = never;
    std::string etag;
    std::vector<Operation> operations;  // newest first, up to operations_kept
    // The key of the device in its hub, wrapped for its TPM, which alone can read it; empty for
    // other devices.
    std::string tpm_key;

    // A device of this name was made in that hub, whatever happened since.
    bool has_home() const { return !hub.empty(); }
    friend bool operator==(const Registration&, const Registration&) = default;
};

}  // namespace twinhub::provisioning
