#pragma once

#include "hub/configurations/content.h"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace twinhub::hub {

// One configuration before one twin that it targets.
struct Claim {
    std::string_view configuration;
    std::uint64_t revision = 0;
    const TwinSettings* settings = nullptr;  // nullptr: it has to stand back (a deployment)
};

// The values that are wanted of a twin, each with the claim that it comes from: scalars, arrays,
// empty objects and nulls by their keys. None lies below another.
struct Leaf {
    json::value value;
    std::size_t claim = 0;
};
using Keys = std::vector<std::string>;
using Leaves = std::map<Keys, Leaf>;

// What all claims want together: from the last to the first each sets its values in their places,
// in place of what is there and below (spec service-api 9.5.2). The first ranks highest.
Leaves merge(std::span<const Claim> claims);

// What the settings say as one object; nulls stay.
json::object document_of(const TwinSettings& settings);

bool starts_with(const Keys& keys, const Keys& above);

}  // namespace twinhub::hub
