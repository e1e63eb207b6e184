#pragma once

#include "base/time.h"

#include <string_view>

namespace twinhub::fleet {

// What a row shows of its device's connection (pseudo-paths below $connection).
struct ConnectionFacts {
    Instant since = never;      // when it came or went
    std::string_view reason;    // why it went; empty: it is there, or that is not known
    std::string_view protocol;  // of the newest connection; empty: it is not known
};

}  // namespace twinhub::fleet
