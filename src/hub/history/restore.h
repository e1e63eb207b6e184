#pragma once

#include "twin/twin.h"
#include "twin/update.h"

#include <string>
#include <vector>

namespace twinhub::hub {

// What of a twin is put back. Reported properties are the device's word, nobody else's.
struct RestoreScope {
    bool tags = true;
    bool desired = true;
    std::vector<std::string> paths;  // below each part, "fan.speed"; none = all of it
};

// The PATCH that makes the parts and paths of `scope` in `now` what they were in `then`; a part
// without a difference is not in it. Errors: argument_invalid for a path that is not one.
Result<twin::ServiceUpdate> restoring_update(const twin::Twin& now, const twin::Twin& then,
                                             const RestoreScope& scope);

// The merge patch (RFC 7396) that turns `from` into `to`, which holds no nulls outside of arrays.
json::object merge_patch_between(const json::object& from, const json::object& to);

}  // namespace twinhub::hub
