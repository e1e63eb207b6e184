#pragma once

#include "base/error.h"
#include "base/random.h"
#include "base/time.h"

#include <cstdint>
#include <string>

namespace twinhub::gateway {

// What a refused request of the provisioning service was about.
enum class Subject : std::uint8_t { device, enrollment, enrollment_group, registration, service };

// The number of an error in the provisioning service's own catalogue (spec service-api 11.6,
// device-protocols 7.6); its status is number / 1000.
std::uint32_t provisioning_number(const Error& error, Subject subject);

// {"errorCode":404201,"trackingId":..,"message":..,"timestampUtc":..}: the body of a refusal
// through every door, to devices and to services.
std::string provisioning_error(const Error& error, Subject subject, Random& random, Instant now);

}  // namespace twinhub::gateway
