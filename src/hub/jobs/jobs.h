#pragma once

#include "base/result.h"

namespace twinhub::hub {

class Hub;

// Scheduled jobs (spec service-api 7).
class Jobs {
public:
    explicit Jobs(Hub& hub);
    ~Jobs();

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();

private:
    Hub& hub_;
};

}  // namespace twinhub::hub
