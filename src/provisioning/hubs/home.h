#pragma once

#include "hub/hub.h"
#include "provisioning/hubs/place.h"

namespace twinhub::provisioning {

// The hub that the service stands on: a device and its twin are one commit. Callable on any loop.
class Home final : public Place {
public:
    explicit Home(hub::Hub& hub) : hub_(hub) {}

    Task<Result<bool>> place(Placement placement) override;
    Task<Result<bool>> place_afresh(Placement placement) override;
    Task<Result<std::optional<Luggage>>> pack(DeviceId device) override;
    Task<Result<>> unpack(Placement placement, Luggage luggage) override;
    Task<Result<>> remove(DeviceId device, hub::Author author) override;

private:
    Task<Result<>> refresh(const Placement& placement, const hub::Identity& identity);
    Task<Result<>> unpack_module(const DeviceId& device, Luggage::Module module,
                                 const hub::Author& author);
    hub::Hub& hub_;
};

}  // namespace twinhub::provisioning
