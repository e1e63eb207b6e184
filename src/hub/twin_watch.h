#pragma once

#include "base/ids.h"

namespace twinhub::hub {

struct State;

// Who follows the twins of a hub from inside it.
class TwinWatch {
public:
    virtual ~TwinWatch() = default;

    // On the twin's loop, when a change is durable and shown. At creation `before` does not exist,
    // at deletion `after` does not. Must be quick: every change of the fleet comes by.
    virtual void twin_changed(const TwinId& id, const State& before, const State& after) = 0;
};

}  // namespace twinhub::hub
