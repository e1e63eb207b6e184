#pragma once

#include "provisioning/desk.h"

namespace twinhub::provisioning {

// One registration under way.
struct Desk::Work {
    ProvisioningId id;
    std::string client;
    Attested attested;
    RegisterRequest request;
    Operation operation;
    Moment began{};
    std::string thumbprint;  // of the certificate shown, for hubs that may not trust who signed it
    int tries = 0;           // of bringing it to its hub
    bool webhook_failed = false;  // that was why the last one ended
    bool hub_is_silent = false;   // the last one ended because a hub did not answer
};

// Which hub it is to be, and what comes with the choice.
struct Desk::Choice {
    std::string hub;
    InitialTwin initial;
    bool brings_twin = false;  // the allocation said what the twin begins with
    std::string payload;
};

}  // namespace twinhub::provisioning
