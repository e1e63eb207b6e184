#pragma once

#include "base/time.h"

namespace twinhub {

// The one source of time. Everything below the doors takes times as values.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;       // wall time; may be set back by the operator
    virtual Moment monotonic() const = 0;  // for deadlines
};

class SystemClock final : public Clock {
public:
    Instant now() const override;
    Moment monotonic() const override;
};

}  // namespace twinhub
