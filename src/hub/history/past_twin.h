#pragma once

#include "hub/record.h"
#include "twin/twin.h"

namespace twinhub::hub {

// The twin of one id at one moment, as the change records tell it.
struct PastTwin {
    bool exists = false;  // false: there was no such device or module
    twin::Twin twin;      // only when it exists

    friend bool operator==(const PastTwin&, const PastTwin&) = default;
};

// Makes `now` what it was before `change`, which led to it: the step from which all of history is
// made. Errors: corrupted when the change did not lead to it; history_unavailable for the deletion
// of a twin that the record does not hold (those of older releases). `now` is then of no use.
Result<> take_back(PastTwin& now, const ChangeRecord& change);

}  // namespace twinhub::hub
