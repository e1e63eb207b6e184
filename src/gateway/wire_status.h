#pragma once

#include "base/error.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace twinhub::gateway {

// How an error is called on the wire: the number of the error catalogue (spec service-api 3.3) and
// the name that clients switch on. The HTTP status, which a device also reads in its answer topics,
// is number / 1000.
struct WireStatus {
    Code code = Code::internal;
    std::uint32_t number = 0;
    std::string_view name;

    constexpr unsigned http() const { return number / 1000; }
};

const WireStatus& wire_status(Code code);

// The whole table, in the order of the codes.
std::span<const WireStatus> wire_statuses();

}  // namespace twinhub::gateway
