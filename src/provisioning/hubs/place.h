#pragma once

#include "base/task.h"
#include "hub/author.h"
#include "hub/identity.h"
#include "twin/twin.h"
#include "twin/update.h"

#include <optional>
#include <string>
#include <vector>

namespace twinhub::provisioning {

// A device as an assignment wants it to be in its hub.
struct Placement {
    DeviceId device;
    hub::IdentitySpec::AuthenticationSpec authentication;
    bool iot_edge = false;
    twin::ServiceUpdate initial;  // what its twin begins with, or goes back to
    hub::Author author;
};

// What goes with a device from one hub to another (spec twin-document 10): its standing, its twin
// and its modules with theirs. What belongs to the hub stays behind: parents, messages, jobs.
struct Luggage {
    hub::Status status = hub::Status::enabled;
    std::string status_reason;
    twin::Twin twin;  // as twin/moved.h makes it

    struct Module {
        ModuleId id;
        hub::Authentication authentication;
        std::string managed_by;
        twin::Twin twin;
        friend bool operator==(const Module&, const Module&) = default;
    };
    std::vector<Module> modules;  // by id

    friend bool operator==(const Luggage&, const Luggage&) = default;
};

// Whether the runtime of an edge device makes the module, and no service may.
inline bool is_system_module(const ModuleId& id) { return id.text().starts_with('$'); }

// What services wrote into a twin: tags and desired, to replace what is there.
twin::ServiceUpdate service_part(const twin::Twin& twin);

// One hub that devices are brought to. What is answered is durable there, and doing a thing twice
// does it once, so that a crash in between costs nothing. Errors: unavailable, timeout and
// throttled of a hub that may answer later; whatever it refuses.
class Place {
public:
    virtual ~Place() = default;

    // Makes the device with its initial twin; one that is there keeps its twin, its status and its
    // place in the hierarchy, and gets the credentials. True when it was made.
    virtual Task<Result<bool>> place(Placement placement) = 0;
    // The same, and puts the twin of one that is there back to the initial state.
    virtual Task<Result<bool>> place_afresh(Placement placement) = 0;

    // Nothing when there is no such device.
    virtual Task<Result<std::optional<Luggage>>> pack(DeviceId device) = 0;
    // Makes the device with that luggage. What is there of its name goes: an earlier try.
    virtual Task<Result<>> unpack(Placement placement, Luggage luggage) = 0;
    // With everything of it; one that is not there is gone.
    virtual Task<Result<>> remove(DeviceId device, hub::Author author) = 0;
};

// Brings a device from one hub to another: packed, unpacked, and when nothing was written
// meanwhile, removed where it was. True when there was nothing to move and it was made anew.
Task<Result<bool>> move(Place& from, Place& to, Placement placement);

}  // namespace twinhub::provisioning
