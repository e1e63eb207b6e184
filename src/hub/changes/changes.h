#pragma once

#include "base/result.h"

namespace twinhub::hub {

class Hub;

// Every change of every twin, in the order in which they became durable (spec twin-document 12).
class Changes {
public:
    explicit Changes(Hub& hub);
    ~Changes();

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();

private:
    Hub& hub_;
};

}  // namespace twinhub::hub
