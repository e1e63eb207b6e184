#pragma once

#include "fleet/scan/block.h"
#include "fleet/scan/code_verdicts.h"
#include "fleet/scan/evaluation.h"
#include "fleet/scan/kernels.h"
#include "fleet/scan/leaf_way.h"
#include "fleet/scan/tick_range.h"
#include "fleet/scan/truths.h"

#include <optional>
#include <vector>

namespace twinhub::fleet {

// A condition that reads one plain path. How it is decided follows the form that the column has
// when a block is looked at: rows that changed since the scan began are decided already, for all
// others any moment is as good as the first.
class PathLeaf {
public:
    PathLeaf(Evaluation& evaluation, query::ExprIndex expr, query::PathIndex path, Truths wanted);

    // Keeps of `rows` those whose value has a wanted truth.
    void keep(const Block& block, Bits& rows);

    LeafWay way() const;

private:
    // A comparison with a number, as one of cells: `number <order> limit`.
    struct NumberTest {
        std::optional<Order> order;  // of the wanted numbers; nothing: all of them, or none
        bool all = false;
        double limit = 0;
    };

    bool wants(const query::Value& value);
    void keep_words(const Column& column, const Block& block, Bits& rows);
    void keep_ticks(const Column& column, const Block& block, Bits& rows);
    void keep_sparse(const Block& block, Bits& rows);
    void keep_each(const Block& block, Bits& rows);
    void collect_sparse(const Column& column);

    Evaluation* evaluation_;
    query::ExprIndex expr_;
    query::PathIndex path_;
    Truths wanted_;
    CodeVerdicts verdicts_;
    std::optional<NumberTest> number_test_;
    std::optional<TickRange> tick_range_;
    bool tick_range_looked_for_ = false;
    bool collected_ = false;                 // a sparse column has been gone through
    bool wants_missing_ = false;             // undefined has a wanted truth
    std::vector<std::uint64_t> exceptions_;  // of a sparse column: rows that differ from that
    Scratch scratch_;
};

}  // namespace twinhub::fleet
