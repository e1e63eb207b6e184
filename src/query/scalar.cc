#include "query/scalar.h"

#include <algorithm>
#include <cmath>

namespace twinhub::query {
namespace {

template <class Ordering>
bool holds(Op op, Ordering ordering) {
    switch (op) {
        case Op::equal: return ordering == 0;
        case Op::not_equal: return ordering != 0;
        case Op::less: return ordering < 0;
        case Op::less_equal: return ordering <= 0;
        case Op::greater: return ordering > 0;
        case Op::greater_equal: return ordering >= 0;
        default: std::unreachable();
    }
}

Truth truth(bool flag) { return flag ? Truth::yes : Truth::no; }

// Numbers of documents and plans are finite.
std::weak_ordering order_numbers(double a, double b) {
    return a < b   ? std::weak_ordering::less
           : a > b ? std::weak_ordering::greater
                   : std::weak_ordering::equivalent;
}

std::weak_ordering order_texts(std::string_view a, std::string_view b, bool time) {
    if (time) {
        const auto left = parse_time(a), right = parse_time(b);
        if (left && right) return *left <=> *right;
        if (left || right) return left ? std::weak_ordering::less : std::weak_ordering::greater;
    }
    return a <=> b;
}

// Of the list of a membership: the row's value is there.
bool is_in_list(const Expr& membership, const Value& value) {
    const auto& list = membership.list;
    if (membership.time && value.is(Type::string))
        return std::ranges::any_of(list, [&](const json::value& element) {
            return compare(Op::equal, value, Value::of(element), true,
                           MissingCompares::undefined) == Truth::yes;
        });
    const auto found = std::lower_bound(list.begin(), list.end(), value,
                                        [](const json::value& element, const Value& wanted) {
                                            return order(Value::of(element), wanted, false) < 0;
                                        });
    return found != list.end() && order(Value::of(*found), value, false) == 0;
}

}  // namespace

Truth truth_of(const Value& value, MissingCompares missing) {
    if (value.is(Type::boolean)) return truth(value.boolean());
    if (value.is(Type::undefined) && missing == MissingCompares::different) return Truth::no;
    return Truth::undefined;
}

Value value_of(Truth truth) {
    return truth == Truth::undefined ? Value() : Value::boolean(truth == Truth::yes);
}

Truth negated(Truth truth) {
    if (truth == Truth::undefined) return truth;
    return truth == Truth::yes ? Truth::no : Truth::yes;
}

Truth compare(Op op, const Value& a, const Value& b, bool time, MissingCompares missing) {
    if (a.is(Type::undefined) || b.is(Type::undefined))
        return missing == MissingCompares::different ? truth(op == Op::not_equal)
                                                     : Truth::undefined;
    if (a.type() != b.type()) return Truth::undefined;
    switch (a.type()) {
        case Type::null:
            if (op != Op::equal && op != Op::not_equal) return Truth::undefined;
            return truth(op == Op::equal);
        case Type::boolean: return truth(holds(op, a.boolean() <=> b.boolean()));
        case Type::number: return truth(holds(op, order_numbers(a.number(), b.number())));
        case Type::string: {
            if (time) {
                const auto left = parse_time(a.string()), right = parse_time(b.string());
                if (left && right) return truth(holds(op, *left <=> *right));
            }
            return truth(holds(op, a.string() <=> b.string()));
        }
        default: return Truth::undefined;
    }
}

Truth is_member(const Expr& membership, const Value& value, MissingCompares missing) {
    const auto answer = [&](bool found) { return truth(found == (membership.op == Op::in)); };
    if (value.is(Type::undefined))
        return missing == MissingCompares::different ? answer(false) : Truth::undefined;
    if (value.is(Type::array) || value.is(Type::object)) return Truth::undefined;
    if (is_in_list(membership, value)) return answer(true);
    // The chain of = has an undefined link when a constant is of another type.
    const auto& list = membership.list;
    const bool comparable = !membership.undefined && !list.empty() &&
                            Value::of(list.front()).type() == value.type() &&
                            Value::of(list.back()).type() == value.type();
    return comparable ? answer(false) : Truth::undefined;
}

Value arithmetic(Op op, const Value& a, const Value& b) {
    if (!a.is(Type::number) || !b.is(Type::number)) return {};
    const double left = a.number(), right = b.number();
    double result = 0;
    switch (op) {
        case Op::add: result = left + right; break;
        case Op::subtract: result = left - right; break;
        case Op::multiply: result = left * right; break;
        case Op::divide:
            if (right == 0) return {};
            result = left / right;
            break;
        case Op::modulo:
            if (right == 0) return {};
            result = std::fmod(left, right);
            break;
        default: std::unreachable();
    }
    return std::isfinite(result) ? Value::number(result + 0.0) : Value();
}

Value negated(const Value& value) {
    return value.is(Type::number) ? Value::number(0.0 - value.number()) : Value();
}

std::weak_ordering order(const Value& a, const Value& b, bool time) {
    if (a.type() != b.type()) return a.type() <=> b.type();
    switch (a.type()) {
        case Type::boolean: return a.boolean() <=> b.boolean();
        case Type::number: return order_numbers(a.number(), b.number());
        case Type::string: return order_texts(a.string(), b.string(), time);
        default: return std::weak_ordering::equivalent;
    }
}

char* Scratch::take(std::size_t bytes) {
    while (block_ < blocks_.size() && blocks_[block_].size - used_ < bytes) {
        ++block_;
        used_ = 0;
    }
    if (block_ == blocks_.size()) {
        const std::size_t size = std::max<std::size_t>(bytes, 4096);
        blocks_.push_back({std::make_unique<char[]>(size), size});
        used_ = 0;
    }
    char* const room = blocks_[block_].bytes.get() + used_;
    used_ += bytes;
    return room;
}

}  // namespace twinhub::query
