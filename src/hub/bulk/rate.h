#pragma once

#include "base/clock.h"

#include <cstddef>

namespace twinhub::hub {

// How many things may begin: a token bucket over a given clock. One loop.
class Rate {
public:
    // 0: no limit. The bucket holds what a second brings, at least one.
    explicit Rate(double per_second) : per_second_(per_second) {}

    // As many as may begin now, at most `wanted`; what it gives is used up.
    std::size_t take(std::size_t wanted, Moment now);
    // Gives back what was taken and did not begin.
    void give_back(std::size_t count);

private:
    double full() const;

    double per_second_;
    double tokens_ = 0;
    Moment at_{};
    bool begun_ = false;
};

}  // namespace twinhub::hub
