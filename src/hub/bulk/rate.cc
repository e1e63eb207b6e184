#include "hub/bulk/rate.h"

#include <algorithm>
#include <chrono>

namespace twinhub::hub {

double Rate::full() const { return std::max(per_second_, 1.0); }

std::size_t Rate::take(std::size_t wanted, Moment now) {
    if (per_second_ <= 0) return wanted;
    // It begins with what a tenth of a second brings: a limit holds from the first second on.
    if (!begun_) tokens_ = std::max(per_second_ / 10, 1.0);
    else tokens_ += std::chrono::duration<double>(now - at_).count() * per_second_;
    begun_ = true;
    at_ = now;
    tokens_ = std::min(tokens_, full());
    const std::size_t given = std::min(wanted, static_cast<std::size_t>(std::max(tokens_, 0.0)));
    tokens_ -= static_cast<double>(given);
    return given;
}

void Rate::give_back(std::size_t count) {
    tokens_ = std::min(tokens_ + static_cast<double>(count), full());
}

}  // namespace twinhub::hub
