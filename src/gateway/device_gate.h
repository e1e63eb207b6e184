#pragma once

#include "base/task.h"
#include "gateway/auth_chain.h"
#include "gateway/device_credentials.h"
#include "hub/hub.h"

#include <span>
#include <string>

namespace twinhub::gateway {

// What judges devices, on every door.
struct DeviceGate {
    bool device_sas = true;
    bool module_sas = true;
    std::chrono::seconds sas_skew{300};

    // Whether `claimant` is who proves itself, or is below who does, as far as the hub knows at
    // this moment. `superiors` may be nullptr. Errors: as admit() of device_credentials.h.
    Result<Admission> judge(const hub::Hub& hub, std::span<const std::string> hosts,
                            const hub::Claimant& claimant, const DeviceProof& proof,
                            const Superiors* superiors = nullptr) const;

    // Whether `id` is who asks, judged on the loop where it lives. What `proof` and `hosts` refer
    // to outlives the wait. Errors: as admit(), and unauthorized for an identity that is unknown;
    // unavailable and internal for faults of the hub.
    Task<Result<Admission>> admit(hub::Hub& hub, std::span<const std::string> hosts, TwinId id,
                                  DeviceProof proof) const;
};

}  // namespace twinhub::gateway
