#include "fleet/scan/evaluation.h"

namespace twinhub::fleet {
namespace {

// A row of which one path is looked at.
class OneValue final : public query::RowSource {
public:
    explicit OneValue(const query::Value& value) : value_(value) {}
    query::Value get(query::PathIndex) override { return value_; }

private:
    query::Value value_;
};

}  // namespace

Evaluation::Evaluation(const query::Plan& plan, const Table& table, Instant now)
    : plan_(&plan), paths_(plan, table, Use::condition), evaluator_(plan, now) {}

query::Truth Evaluation::of_row(query::ExprIndex expr, Row row) {
    ColumnRow source(paths_, row);
    return evaluator_.truth(expr, source);
}

query::Truth Evaluation::of_value(query::ExprIndex expr, const query::Value& value) {
    OneValue source(value);
    return evaluator_.truth(expr, source);
}

}  // namespace twinhub::fleet
