#include "query/functions.h"

#include "base/encoding.h"
#include "base/result.h"

#include <algorithm>
#include <string>
#include <vector>

namespace twinhub::query {
namespace {

using enum Wants;

// The first row of a function is the name that plans are printed with.
constexpr FunctionInfo table[] = {
    {"IS_DEFINED", Function::is_defined, true, 1, 1, {path}},
    {"IS_NULL", Function::is_null, true, 1, 1, {anything}},
    {"IS_BOOL", Function::is_bool, true, 1, 1, {anything}},
    {"IS_NUMBER", Function::is_number, true, 1, 1, {anything}},
    {"IS_STRING", Function::is_string, true, 1, 1, {anything}},
    {"IS_OBJECT", Function::is_object, true, 1, 1, {anything}},
    {"IS_ARRAY", Function::is_array, true, 1, 1, {anything}},
    {"IS_PRIMITIVE", Function::is_primitive, true, 1, 1, {anything}},
    {"STARTSWITH", Function::starts_with, true, 2, 2, {text, text}},
    {"ENDSWITH", Function::ends_with, true, 2, 2, {text, text}},
    {"ARRAY_CONTAINS", Function::array_contains, true, 2, 2, {array, primitive}},
    {"STARTS_WITH", Function::starts_with, false, 2, 2, {text, text}},
    {"ENDS_WITH", Function::ends_with, false, 2, 2, {text, text}},
    {"CONTAINS", Function::contains, false, 2, 2, {text, text}},
    {"LOWER", Function::lower, false, 1, 1, {text}},
    {"UPPER", Function::upper, false, 1, 1, {text}},
    {"LENGTH", Function::length, false, 1, 1, {anything}},
    {"CONCAT", Function::concat, false, 2, arguments_max, {text, text, text}},
    {"SUBSTRING", Function::substring, false, 2, 3, {text, number, number}},
    {"INDEX_OF", Function::index_of, false, 2, 2, {text, text}},
    {"AS_NUMBER", Function::as_number, false, 1, 1, {anything}},
    {"ABS", Function::abs, false, 1, 1, {number}},
    {"EXP", Function::exp, false, 1, 1, {number}},
    {"POWER", Function::power, false, 2, 2, {number, number}},
    {"SQUARE", Function::square, false, 1, 1, {number}},
    {"CEILING", Function::ceiling, false, 1, 1, {number}},
    {"FLOOR", Function::floor, false, 1, 1, {number}},
    {"SIGN", Function::sign, false, 1, 1, {number}},
    {"SQRT", Function::sqrt, false, 1, 1, {number}},
    {"NOW", Function::now, false, 0, 0, {anything}},
    {"AGE_SECONDS", Function::age_seconds, false, 1, 1, {text}},
    {"REGEX_MATCH", Function::regex_match, false, 2, 2, {text, pattern}},
    {"GEO_DISTANCE", Function::geo_distance, false, 3, 3, {anything, number, number}},
    {"GEO_WITHIN", Function::geo_within, false, 2, 2, {anything, polygon}},
    {"DRIFT_STATE", Function::drift_state, false, 0, 1, {path}},
    {"IS_CONVERGED", Function::is_converged, false, 0, 1, {path}},
    {"DRIFT_SINCE", Function::drift_since, false, 0, 0, {anything}},
    {"DRIFT_COUNT", Function::drift_count, false, 1, 1, {text}},
};

// Names of other dialects of SQL.
constexpr std::pair<std::string_view, std::string_view> other_names[] = {
    {"STARTS_WITH", "STARTSWITH"},
    {"ENDS_WITH", "ENDSWITH"},
    {"LEN", "LENGTH"},
    {"CHAR_LENGTH", "LENGTH"},
    {"SUBSTR", "SUBSTRING"},
    {"STRPOS", "INDEX_OF"},
    {"LCASE", "LOWER"},
    {"UCASE", "UPPER"},
    {"CEIL", "CEILING"},
    {"POW", "POWER"},
    {"TO_NUMBER", "AS_NUMBER"},
    {"ISDEFINED", "IS_DEFINED"},
    {"EXISTS", "IS_DEFINED"},
    {"IS_BOOLEAN", "IS_BOOL"},
    {"REGEXMATCH", "REGEX_MATCH"},
    {"REGEXP_LIKE", "REGEX_MATCH"},
    {"ST_DISTANCE", "GEO_DISTANCE"},
    {"ST_WITHIN", "GEO_WITHIN"},
    {"GETDATE", "NOW"},
};

// How many letters must change, one way or another.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::span<const FunctionInfo> functions() { return table; }

const FunctionInfo* find_function(std::string_view name) {
    const auto found = std::ranges::find_if(
        table, [&](const FunctionInfo& row) { return equals_ignoring_case(row.name, name); });
    return found == std::end(table) ? nullptr : found;
}

const FunctionInfo& info_of(Function function) {
    const auto found = std::ranges::find(table, function, &FunctionInfo::function);
    CHECK(found != std::end(table));
    return *found;
}

std::string_view suggestion(std::string_view name) {
    for (const auto& [other, ours] : other_names)
        if (equals_ignoring_case(other, name)) return ours;
    if (name.size() < 3 || name.size() > 24) return {};
    std::string wanted(name);
    std::ranges::transform(wanted, wanted.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    std::string_view best;
    std::size_t best_distance = 3;
    for (const FunctionInfo& row : table) {
        const std::size_t changes = distance(wanted, row.name);
        if (changes < best_distance && changes * 3 <= name.size()) {
            best = row.name;
            best_distance = changes;
        }
    }
    return best;
}

}  // namespace twinhub::query
