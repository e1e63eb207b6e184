#pragma once

#include "fleet/scan/truths.h"
#include "query/plan.h"

#include <cstdint>
#include <vector>

namespace twinhub::fleet {

// A condition without NOT: which rows have one of the wanted truths. A row passes WHERE when it is
// `yes`; pushing that wish down through AND, OR and NOT turns three-valued logic into sets of rows
// (rows where `a AND b` is no = rows where a is no, and rows where b is no), so that one bitmap a
// condition is enough. Spec query-language 5.
struct Condition {
    enum class Kind : std::uint8_t { never, always, all, any, leaf };

    Kind kind = Kind::always;
    std::vector<Condition> parts;  // of all, any: two or more
    query::ExprIndex expr = 0;     // of a leaf: what has to have one of the truths
    Truths wanted;                 // of a leaf
};

// Directly nested `all`s and `any`s become one.
Condition condition_of(const query::Plan& plan, query::ExprIndex expr, Truths wanted);

}  // namespace twinhub::fleet
