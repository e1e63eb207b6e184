#pragma once

#include "base/result.h"

namespace twinhub::hub {

class Hub;

// Automatic device configurations (spec service-api 9).
class Configurations {
public:
    explicit Configurations(Hub& hub);
    ~Configurations();

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();

private:
    Hub& hub_;
};

}  // namespace twinhub::hub
