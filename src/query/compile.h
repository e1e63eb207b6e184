#pragma once

#include "query/plan.h"
#include "query/query_error.h"

#include <string_view>

// The door of the room: text in, a checked plan or the reason out.
namespace twinhub::query {

struct Options {
    Dialect dialect = Dialect::extended;
    MissingCompares missing = MissingCompares::undefined;
};

// A whole query, with EXPLAIN in front if it has one (spec query-language 2).
Checked<Plan> compile(std::string_view text, const Options& options = {});

// Where a bare condition stands (section 8).
enum class Place : std::uint8_t {
    target,  // of a configuration; azure refuses IN, NIN and desired properties here
    job,     // queryCondition
};

// A condition alone: `*` for all, an empty text for none, `from devices.modules where ...` for
// modules. The plan is that of SELECT * with the condition.
Checked<Plan> compile_condition(std::string_view text, Place place, const Options& options = {});

}  // namespace twinhub::query
