#pragma once

#include "base/result.h"
#include "provisioning/enrollment.h"
#include "provisioning/registration.h"

#include <cstdint>
#include <string>
#include <string_view>

// The stored form of enrollments and registrations: bodies that the store frames, and their keys.
// Formats only grow: a reader skips what it does not know behind what it does.
namespace twinhub::provisioning {

inline constexpr std::uint16_t enrollment_format = 1;
inline constexpr std::uint16_t registration_format = 1;

void append_encoded(std::string& out, const Enrollment& enrollment);
Result<Enrollment> decode_enrollment(std::string_view bytes);

void append_encoded(std::string& out, const Registration& registration);
Result<Registration> decode_registration(std::string_view bytes);

// Keys in the metadata family; `id` in lower case.
std::string enrollment_key(EnrollmentKind kind, std::string_view id);
std::string registration_key(std::string_view id);
std::string member_key(std::string_view group, std::string_view registration);
std::string members_prefix(std::string_view group);

// Framed for that key.
std::string sealed(const Enrollment& enrollment, std::string_view key);
std::string sealed(const Registration& registration, std::string_view key);
// Errors: corrupted, not_implemented.
Result<Enrollment> open_enrollment(std::string_view key, std::string_view value);
Result<Registration> open_registration(std::string_view key, std::string_view value);

}  // namespace twinhub::provisioning
