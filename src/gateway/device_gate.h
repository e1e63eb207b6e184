#pragma once

#include "base/task.h"
#include "gateway/device_credentials.h"
#include "hub/hub.h"

#include <span>
#include <string>

namespace twinhub::gateway {

// What judges devices on doors that ask for each request.
struct DeviceGate {
    bool device_sas = true;
    bool module_sas = true;
    std::chrono::seconds sas_skew{300};

    // Whether `id` is who asks, judged on the loop where it lives. What `proof` and `hosts` refer
    // to outlives the wait. Errors: as admit(), and unauthorized for an identity that is unknown;
    // unavailable and internal for faults of the hub.
    Task<Result<Admission>> admit(hub::Hub& hub, std::span<const std::string> hosts, TwinId id,
                                  DeviceProof proof) const;
};

}  // namespace twinhub::gateway
