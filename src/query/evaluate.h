#pragma once

#include "query/plan.h"
#include "query/scalar.h"

#include <string>

namespace twinhub::query {

// One row of a collection as the plan sees it.
class RowSource {
public:
    virtual ~RowSource() = default;
    // What the path of that index has in this row. The value must live until the evaluation ends.
    virtual Value get(PathIndex path) = 0;
};

// Evaluates the expressions of a plan row by row. No allocation per row once the scratch memory has
// grown to what the plan needs. One thread; the plan must outlive it.
class Evaluator {
public:
    // `now`: one instant for the whole query.
    Evaluator(const Plan& plan, Instant now);

    // Whether the row is in the answer: there is no condition, or it is true.
    bool passes(RowSource& row);
    Truth truth(ExprIndex expr, RowSource& row);
    // Texts that functions make live until the next call of a public function.
    Value value(ExprIndex expr, RowSource& row);

private:
    Truth truth_at(ExprIndex index, RowSource& row);
    Value value_at(ExprIndex index, RowSource& row);
    Value call_at(const Expr& expr, RowSource& row);

    const Plan& plan_;
    std::string now_text_;
    Scratch scratch_;
    CallContext context_;
};

}  // namespace twinhub::query
