#pragma once

#include "hub/configurations/applied.h"
#include "hub/configurations/leaves.h"
#include "twin/node.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::hub {

// What is taken away with a configuration (spec service-api 9.5.6).
struct LeavingRules {
    bool remove_on_untarget = true;
    bool remove_on_delete = false;
    std::function<bool(std::string_view configuration)> exists;
};

// What is to be done with one twin.
struct Settlement {
    json::object patch;  // for properties.desired; empty: they are as they should be
    Applied next;
    std::string configuration;  // in whose name: of the first rank among those that the patch
                                // serves; empty with an empty patch
};

// From the desired properties of a twin, what configurations made of it until now and what they
// claim now (the highest first; those that do not target it make no claim). Pure.
Settlement settle(const twin::Node& desired, const Applied& before, std::span<const Claim> claims,
                  const LeavingRules& rules);

// The same for a twin that cannot take the patch: nobody's values changed, and who had none there
// before is only targeted.
Applied unsettled(const Applied& before, const Applied& wanted);

}  // namespace twinhub::hub
