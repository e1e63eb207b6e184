#pragma once

#include "base/time.h"
#include "fleet/scan/paths.h"
#include "query/evaluate.h"
#include "query/plan.h"

namespace twinhub::fleet {

// What the conditions of one scan are decided with: the plan, the rows of its table, the instant.
// The rules of the language are those of query::evaluate, everywhere.
class Evaluation {
public:
    Evaluation(const query::Plan& plan, const Table& table, Instant now);
    Evaluation(const Evaluation&) = delete;
    Evaluation& operator=(const Evaluation&) = delete;

    const query::Plan& plan() const { return *plan_; }
    const Table& table() const { return paths_.table(); }
    Paths& paths() { return paths_; }

    query::Truth of_row(query::ExprIndex expr, Row row);
    // Of an expression that reads one path, which has this value.
    query::Truth of_value(query::ExprIndex expr, const query::Value& value);
    query::Truth of(query::ExprIndex expr, query::RowSource& row) {
        return evaluator_.truth(expr, row);
    }

private:
    const query::Plan* plan_;
    Paths paths_;
    query::Evaluator evaluator_;
};

}  // namespace twinhub::fleet
