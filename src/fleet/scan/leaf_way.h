#pragma once

#include <string_view>

namespace twinhub::fleet {

// How a leaf works at present: what EXPLAIN calls it, and its relative cost a row.
struct LeafWay {
    std::string_view op;  // codeScan, wordScan, timeScan, sparseScan, rowFilter
    double cost = 0;
};

}  // namespace twinhub::fleet
