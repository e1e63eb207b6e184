#pragma once

#include "base/json.h"
#include "base/result.h"
#include "provisioning/enrollment_rules.h"
#include "twin/etag.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// Reads the body of PUT /enrollments/{id} or /enrollmentGroups/{id} (spec service-api 11.3). Takes
// what clients send back of what they read: nulls and members that are only shown are passed over.
// `named`: the id in the address, which the body may leave out and must not contradict. Errors:
// argument_invalid with the member.
Result<EnrollmentWish> read_enrollment(const json::object& body, EnrollmentKind kind,
                                       const std::optional<ProvisioningId>& named);

// One item of a bulk request: what its own address would do.
struct EnrollmentChange {
    bool removes = false;
    EnrollmentWish wish;  // its id, when it removes
    twin::Match match;
};

// Reads the body of POST /enrollments or /enrollmentGroups (spec service-api 11.5). A bad item does
// not spoil the others: its place holds the error, and `names` its name. Errors, for all of it:
// argument_invalid (the mode), argument_null, too_many_devices, format_invalid.
struct EnrollmentChanges {
    std::vector<Result<EnrollmentChange>> items;
    std::vector<std::string> names;  // of each item as sent; empty when it has none
};
Result<EnrollmentChanges> read_enrollment_changes(const json::object& body, EnrollmentKind kind);

// What an enrollment of that kind is named by in JSON.
std::string_view id_member(EnrollmentKind kind);

}  // namespace twinhub::provisioning
