#pragma once

#include "fleet/scan/block.h"
#include "fleet/scan/evaluation.h"
#include "fleet/scan/truths.h"

#include <cstdint>
#include <vector>

namespace twinhub::fleet {

// `a = b` or `a != b` of two paths: where both columns have codes of one dictionary (desired and
// reported at the same path below), comparing codes is comparing values.
class PairLeaf {
public:
    PairLeaf(Evaluation& evaluation, query::ExprIndex expr, Truths wanted);

    void keep(const Block& block, Bits& rows);

    // Codes can be compared as the columns are now.
    bool compares_codes() const;

private:
    const Column* left() const { return evaluation_->paths().column(left_); }
    const Column* right() const { return evaluation_->paths().column(right_); }
    void keep_codes(const Column& a, const Column& b, const Block& block, Bits& rows);
    void keep_each(const Block& block, Bits& rows);
    void start(const Dictionary& dictionary);

    Evaluation* evaluation_;
    query::ExprIndex expr_;
    query::PathIndex left_;
    query::PathIndex right_;
    Truths wanted_;
    bool wants_same_ = false;       // two equal primitives have a wanted truth
    bool wants_different_ = false;  // so have two different ones of one type
    const Dictionary* dictionary_ = nullptr;
    std::uint64_t revision_ = 0;
    std::vector<std::uint8_t> comparable_;  // by code: 0, or the type of a primitive
};

}  // namespace twinhub::fleet
