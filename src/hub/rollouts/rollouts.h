#pragma once

#include "base/result.h"

namespace twinhub::hub {

class Hub;

// Changes of a fleet in waves that stop by themselves.
class Rollouts {
public:
    explicit Rollouts(Hub& hub);
    ~Rollouts();

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();

private:
    Hub& hub_;
};

}  // namespace twinhub::hub
