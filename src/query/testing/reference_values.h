#pragma once

#include "query/testing/reference.h"

#include <optional>
#include <string_view>

// What the reference evaluator makes of single values.
namespace twinhub::query::testing {

using MaybeTruth = std::optional<bool>;

// 0 null, 1 boolean, 2 number, 3 string, 4 array, 5 object.
int kind_of(const json::value& value);
double number_in(const json::value& value);

// Nanoseconds since the year 0 of a time in the form of spec query-language 5.
std::optional<__int128> nanoseconds_of(std::string_view text);

// Below, at or above 0. With `time` two times are instants; a time and another text: by text, or
// the time first, which makes it a total order.
enum class TimesFirst : bool { no, yes };
int order_of(const json::value& a, const json::value& b, bool time, TimesFirst times_first);

Maybe computed(Op op, const Maybe& a, const Maybe& b);
Maybe called(const Expr& call, const std::vector<Maybe>& arguments, Instant now);

// What a column's path has in a document, without what is hidden.
Maybe column_of(const Plan& plan, const json::object& document, PathIndex path);

}  // namespace twinhub::query::testing
