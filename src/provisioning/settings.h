#pragma once

#include "provisioning/allocation.h"
#include "provisioning/doorkeeper.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace twinhub::provisioning {

// Everything about the provisioning service that an operator may set.
struct Settings {
    std::string id_scope;         // "0ne" and eight hex digits, compared without case
    std::vector<LinkedHub> hubs;  // its own names, to which devices are assigned
    Rates rates;
    std::chrono::seconds retry_after{2};  // what a device is told to wait between questions
    std::chrono::seconds sas_skew{300};
    std::chrono::seconds hub_patience{120};  // for a linked hub that does not answer
    std::uint32_t groups_max = 1000;         // each costs every unknown device a look
    std::uint64_t registrations_max = 10'000'000;
};

}  // namespace twinhub::provisioning
