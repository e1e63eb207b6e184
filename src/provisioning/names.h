#pragma once

#include "provisioning/enrollment.h"
#include "provisioning/registration.h"

#include <optional>
#include <string_view>

// What the values are called on the wire (spec service-api 11.3), written in just this case; read
// in any.
namespace twinhub::provisioning {

std::string_view name_of(Status status);               // enabled, disabled
std::string_view name_of(Allocation allocation);       // hashed, geoLatency, static, custom
std::string_view name_of(Progress progress);           // unassigned, assigning, ...
std::string_view name_of(Substatus substatus);         // initialAssignment, ...; empty for none
std::string_view attestation_name(std::size_t index);  // symmetricKey, x509, tpm

std::optional<Status> status_named(std::string_view name);
std::optional<Allocation> allocation_named(std::string_view name);
std::optional<std::size_t> attestation_named(std::string_view name);

}  // namespace twinhub::provisioning
