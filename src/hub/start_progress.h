#pragma once

#include <atomic>
#include <cstdint>

namespace twinhub::hub {

// How far the start of a hub has come. Written by those that start it, read by anybody.
struct StartProgress {
    std::atomic<std::uint64_t> twins{0};  // in the store, as far as they are counted
    std::atomic<std::uint64_t> read{0};   // of them in the columns
};

}  // namespace twinhub::hub
