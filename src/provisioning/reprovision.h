#pragma once

#include "provisioning/enrollment.h"
#include "provisioning/registration.h"

#include <cstdint>
#include <string_view>

namespace twinhub::provisioning {

// What is done with the device and its twin when a registration id registers (spec twin-document
// 10). Pure, so that the whole matrix is tested.
enum class Move : std::uint8_t {
    create,   // in the chosen hub, with the initial twin; or find it there
    keep,     // stays where it is, with its twin
    reset,    // stays where it is, its twin goes back to the initial state
    migrate,  // to the chosen hub with its twin, and away from the old one
    restart,  // to the chosen hub with the initial twin, and away from the old one
};

struct Reprovision {
    Move move = Move::create;
    Substatus substatus = Substatus::initial_assignment;
    friend bool operator==(const Reprovision&, const Reprovision&) = default;
};

// What the registration is about, as far as the rule looks.
struct Whereabouts {
    bool exists = false;      // it was assigned before
    bool same_place = false;  // the chosen hub is the one where it is
    Substatus substatus = Substatus::none;
};

// Whether a hub has to be chosen at all: with the policy "never", a device that has a home stays.
bool needs_allocation(bool has_home, const ReprovisionPolicy& policy);

// `forced`: an allocation that brings its own initial twin has it applied, whatever the policy says
// of the data (spec device-protocols 7.7).
Reprovision plan_reprovision(const Whereabouts& now, const ReprovisionPolicy& policy, bool forced);

}  // namespace twinhub::provisioning
