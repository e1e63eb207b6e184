#pragma once

#include "query/plan.h"
#include "query/time_text.h"
#include "query/value.h"

#include <compare>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

// What operators and functions make of values (spec query-language 5, 6 and 11): the one place for
// the row evaluator, the columns and the folding of constants. Nothing here fails: what has no
// answer is undefined.
namespace twinhub::query {

// What a value counts as in a condition. With `different` a missing value counts as false.
Truth truth_of(const Value& value, MissingCompares missing);
Value value_of(Truth truth);
Truth negated(Truth truth);

// Op equal to greater_equal. `time`: compares two times as instants, all else as ever. With
// `different` a missing operand makes != true and the others false.
Truth compare(Op op, const Value& a, const Value& b, bool time, MissingCompares missing);

// Of an expression with op in or not_in.
Truth is_member(const Expr& membership, const Value& value, MissingCompares missing);

// Op add to modulo, and negate. Never -0, infinite or not a number: undefined instead.
Value arithmetic(Op op, const Value& a, const Value& b);
Value negated(const Value& value);

// The order of ORDER BY, MIN and MAX: by type, then by value (section 11). With `time` texts that
// are times come first, as instants. Arrays tie, as do objects.
std::weak_ordering order(const Value& a, const Value& b, bool time);

// Memory for the texts that functions make. Reused: `clear` keeps what was allocated.
class Scratch {
public:
    // Room for `bytes`, untouched until `clear`.
    char* take(std::size_t bytes);
    void clear() { block_ = 0, used_ = 0; }

private:
    struct Block {
        std::unique_ptr<char[]> bytes;
        std::size_t size = 0;
    };
    std::vector<Block> blocks_;
    std::size_t block_ = 0;  // the one in use
    std::size_t used_ = 0;   // of it
};

// What functions need beside their arguments.
struct CallContext {
    TimePoint now;
    std::string_view now_text;
    Scratch* scratch = nullptr;
};

// Of an expression with op call; `arguments` are the values of its operands.
Value call(const Expr& expr, std::span<const Value> arguments, const CallContext& context);

}  // namespace twinhub::query
