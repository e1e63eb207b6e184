#pragma once

#include "base/result.h"
#include "provisioning/enrollment.h"
#include "provisioning/registration.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

// Who allocates by itself is asked by a webhook (spec device-protocols 7.7).
namespace twinhub::provisioning {

struct AllocationQuestion {
    const Enrollment& enrollment;
    const ProvisioningId& id;
    const Registration* current = nullptr;  // where it is now, when it is somewhere
    std::string_view payload;               // the device's own, JSON; empty when there is none
    std::span<const std::string> hubs;      // that may be chosen
};

// The body of the POST. It holds no key.
std::string question_body(const AllocationQuestion& question);

struct AllocationAnswer {
    std::string hub;
    std::optional<InitialTwin> initial_twin;  // in place of the enrollment's
    std::string payload;                      // JSON for the device; empty when there is none
};

// Errors: argument_invalid, format_invalid: the answer names no hub that may be chosen, or is not
// what was asked for.
Result<AllocationAnswer> parse_answer(std::string_view body, std::span<const std::string> hubs);

}  // namespace twinhub::provisioning
