#pragma once

#include "query/plan.h"
#include "query/value.h"

#include <cstdint>
#include <string>

namespace twinhub::fleet {

// What an aggregate of a plan does with values.
struct Aggregation {
    query::Aggregate function = query::Aggregate::count;
    query::PathIndex path = 0;  // not read for COUNT
    bool time = false;          // MIN and MAX of texts that are times go by instant
};
Aggregation aggregation_of(const query::Plan& plan, const query::Item& item);

// One aggregate of one group so far (spec query-language 7.6). What it means depends on the
// aggregation that filled it, so the same one must be given each time.
struct Accumulated {
    std::uint64_t count = 0;  // rows for COUNT, otherwise numbers seen
    double number = 0;        // the sum, or the least or greatest number
    std::string text;         // MIN and MAX: the least or greatest string; used while count is 0
    bool has_text = false;

    void add(const Aggregation& aggregation, const query::Value& value);
    void merge(const Aggregation& aggregation, const Accumulated& other);

    // The result; undefined where the aggregate has no input. Borrows `text`.
    query::Value result(const Aggregation& aggregation) const;
};

}  // namespace twinhub::fleet
