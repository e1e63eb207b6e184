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
};

// Which hub it is to be, and what comes with the choice.
struct Desk::Choice {
    std::string hub;
    InitialTwin initial;
    bool brings_twin = false;  // the allocation said what the twin begins with
    std::string payload;
};

}  // namespace twinhub::provisioning
