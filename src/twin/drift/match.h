#pragma once

#include "base/json.h"
#include "twin/node.h"

namespace twinhub::twin::drift {

// How far apart two numbers may be and still count as equal: the larger of both allowances.
struct Tolerance {
    double absolute = 0;
    double relative = 0;  // of the desired number

    friend bool operator==(const Tolerance&, const Tolerance&) = default;
};

// Match(d, r) of spec twin-document 15.2: the same type and equal, where an object may report more
// than is desired of it.
bool matches(const json::value& desired, const json::value& reported, const Tolerance& tolerance);
bool matches(const Node& desired, const Node& reported, const Tolerance& tolerance);

}  // namespace twinhub::twin::drift
