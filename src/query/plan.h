#pragma once

#include "base/json.h"
#include "base/time.h"
#include "query/regex.h"
#include "query/value.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// A checked query as a value: what two executors read (the columns of fleet/, the SQL of a
// PostgreSQL engine). It knows neither. Access rules may add to it: another condition with
// `narrow`, hidden paths with `hide`.
namespace twinhub::query {

enum class Dialect : std::uint8_t { azure, extended };
enum class Collection : std::uint8_t { devices, modules, jobs };

// Where comparisons, NIN and NOT stand on keys that a row does not have (spec query-language 5,
// P1).
enum class MissingCompares : std::uint8_t { undefined, different };

// One step into a document: a key, or an index into an array.
using Segment = std::variant<std::string, std::uint32_t>;

// A path in canonical form: qualifier dropped, alias resolved, system names in their own case.
// `tags.site` is {"tags", "site"}; `lastActivityTime` is {"lastActivityTime"}.
struct Path {
    std::vector<Segment> segments;
    bool time = false;  // compared as an instant where both sides are times (section 5)

    friend bool operator==(const Path&, const Path&) = default;
};

// Indices into the plan's own tables. A path stands once in `Plan::paths`, however often it is
// used.
using PathIndex = std::uint32_t;
using ExprIndex = std::uint32_t;

enum class Op : std::uint8_t {
    constant,  // value
    path,      // path
    equal,     // comparisons: two operands
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    in,  // one operand and `list`
    not_in,
    logical_and,  // two or more operands
    logical_or,
    logical_not,  // one operand
    negate,
    add,  // two operands
    subtract,
    multiply,
    divide,
    modulo,
    call,  // function and its arguments
};

enum class Function : std::uint8_t {
    is_defined,  // its operand is always an op path
    is_null,
    is_bool,
    is_number,
    is_string,
    is_object,
    is_array,
    is_primitive,
    starts_with,
    ends_with,
    array_contains,
    contains,
    lower,
    upper,
    length,
    concat,
    substring,
    index_of,
    as_number,
    abs,
    exp,
    power,
    square,
    ceiling,
    floor,
    sign,
    sqrt,
    now,
    age_seconds,
    regex_match,  // one operand; `regex` is the other argument
    geo_distance,
    geo_within,    // one operand; `polygon` is the other argument
    drift_state,   // operands: its cell, what is desired there, connectionState
    is_converged,  // stands in texts alone, as drift_since: plans compare and read instead
    drift_since,
    drift_count,  // one operand: the path of the count
};

struct GeoPoint {
    double latitude = 0;  // degrees
    double longitude = 0;

    friend bool operator==(const GeoPoint&, const GeoPoint&) = default;
};

// One node of an expression. Children are indices that are smaller than the node's own.
struct Expr {
    Op op = Op::constant;
    Function function = Function::is_defined;  // op call
    bool time = false;       // comparison or IN with a time on one side (section 5)
    bool undefined = false;  // op constant: the literal `undefined`; op in, not_in: the list also
                             // had constants that equal nothing, so no match is undefined, not no
    PathIndex path = 0;      // op path
    // Op constant; null means null unless `undefined`. Numbers are always doubles. For regex_match
    // and geo_within the pattern and the polygon as they were written.
    json::value constant;
    std::vector<ExprIndex> operands;
    // Op in, not_in: null, booleans, numbers (doubles) and strings in this order, each kind sorted,
    // without repetition. Never empty unless `undefined`.
    std::vector<json::value> list;
    std::shared_ptr<const Regex> regex;
    std::vector<GeoPoint> polygon;
    std::uint32_t offset = 0;  // of its first byte in the text, for explanations
};

enum class Aggregate : std::uint8_t { none, count, avg, sum, min, max };

// One column of the answer.
struct Item {
    Aggregate aggregate = Aggregate::none;
    PathIndex path = 0;  // not read for count
    std::string name;    // its key in the row: alias, last segment, or $1, $2, ..
};

struct SortKey {
    // ORDER BY of rows sorts by a path; of groups by an item (an index into `items`).
    std::variant<PathIndex, std::size_t> by;
    bool descending = false;
};

enum class Explain : std::uint8_t { no, plan, analyze };

// AS OF: an instant, or how long before the query runs.
struct AsOf {
    std::string text;
    std::variant<Instant, Ticks> when;

    Instant at(Instant now) const {
        const auto* ago = std::get_if<Ticks>(&when);
        return ago ? now - *ago : std::get<Instant>(when);
    }
};

// Hints in the text (section 11).
struct Budget {
    std::optional<std::chrono::milliseconds> time_max;
    std::optional<std::uint64_t> scan_max;  // rows looked at
};

struct Plan {
    std::string text;  // as asked; continuations and logs name the query by it
    Dialect dialect = Dialect::extended;
    MissingCompares missing = MissingCompares::undefined;
    Collection collection = Collection::devices;
    std::vector<Path> paths;
    std::vector<Expr> exprs;
    std::optional<ExprIndex> where;
    bool star = false;  // SELECT *: items are empty
    std::vector<Item> items;
    bool grouped = false;  // aggregates or GROUP BY: rows of the answer are groups
    std::vector<PathIndex> group_by;
    // Rows that tie, or all without it, come by deviceId, moduleId, jobId; groups by their keys,
    // each by type and value, arrays and objects by their canonical JSON.
    std::vector<SortKey> order_by;
    std::optional<std::uint64_t> limit;  // the smaller of TOP and LIMIT
    std::uint64_t offset = 0;
    std::optional<AsOf> as_of;  // executors without history refuse it
    Explain explain = Explain::no;
    Budget budget;
    std::vector<Path> hidden;  // cut from whole objects and documents, see `hide`

    const Expr& expr(ExprIndex index) const { return exprs[index]; }
};

}  // namespace twinhub::query
