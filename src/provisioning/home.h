#pragma once

#include "base/task.h"
#include "hub/hub.h"
#include "twin/update.h"

namespace twinhub::provisioning {

// A device as an assignment wants it to be in its hub.
struct Placement {
    DeviceId device;
    hub::IdentitySpec::AuthenticationSpec authentication;
    bool iot_edge = false;
    twin::ServiceUpdate initial;  // what its twin begins with, or goes back to
    hub::Author author;
};

// Brings devices into the hub that the service stands on. Callable on any loop; what is answered is
// durable. Doing it twice does it once, so that a crash in between costs nothing.
class Home {
public:
    explicit Home(hub::Hub& hub) : hub_(hub) {}

    // Makes the device with its initial twin in one commit; one that is there keeps its twin, its
    // status and its place in the hierarchy, and gets the credentials. True when it was made.
    Task<Result<bool>> place(Placement placement);
    // The same, and puts the twin of one that is there back to the initial state.
    Task<Result<bool>> place_afresh(Placement placement);

private:
    Task<Result<>> refresh(const Placement& placement, const hub::Identity& identity);
    hub::Hub& hub_;
};

}  // namespace twinhub::provisioning
