#include "query/geo.h"
#include "query/limits.h"
#include "query/scalar.h"
#include "query/text_functions.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <utility>

namespace twinhub::query {
namespace {

Value number(double result) {
    return std::isfinite(result) ? Value::number(result + 0.0) : Value();
}

bool is_primitive(const Value& value) {
    return value.type() >= Type::null && value.type() <= Type::string;
}

// Two texts, or undefined.
template <class Test>
Value text_test(std::span<const Value> arguments, Test test) {
    if (!arguments[0].is(Type::string) || !arguments[1].is(Type::string)) return {};
    return Value::boolean(test(arguments[0].string(), arguments[1].string()));
}

template <class Compute>
Value of_number(std::span<const Value> arguments, Compute compute) {
    if (!arguments[0].is(Type::number)) return {};
    return number(compute(arguments[0].number()));
}

Value array_contains(const Value& array, const Value& wanted) {
    if (!array.is(Type::array) || !array.tree() || !is_primitive(wanted)) return {};
    return Value::boolean(
        std::ranges::any_of(array.tree()->get_array(), [&](const json::value& element) {
            return compare(Op::equal, Value::of(element), wanted, false,
                           MissingCompares::undefined) == Truth::yes;
        }));
}

Value length(const Value& value) {
    if (value.is(Type::string)) return number(static_cast<double>(character_count(value.string())));
    if (value.is(Type::array) && value.tree())
        return number(static_cast<double>(value.tree()->get_array().size()));
    return {};
}

Value concat(std::span<const Value> arguments, Scratch& scratch) {
    std::size_t size = 0;
    for (const Value& argument : arguments) {
        if (!argument.is(Type::string)) return {};
        size += argument.string().size();
    }
    if (size > computed_text_bytes_max) return {};
    char* const begin = scratch.take(size);
    char* end = begin;
    for (const Value& argument : arguments) end = std::ranges::copy(argument.string(), end).out;
    return Value::string({begin, size});
}

Value substring_of(std::span<const Value> arguments) {
    if (!arguments[0].is(Type::string) || !arguments[1].is(Type::number)) return {};
    std::optional<double> size;
    if (arguments.size() > 2) {
        if (!arguments[2].is(Type::number)) return {};
        size = arguments[2].number();
    }
    return substring(arguments[0].string(), arguments[1].number(), size);
}

Value age_seconds(const Value& value, const CallContext& context) {
    if (!value.is(Type::string)) return {};
    const auto time = parse_time(value.string());
    return time ? number(seconds_between(*time, context.now)) : Value();
}

Value geo_distance(std::span<const Value> arguments) {
    const auto from = geo_point(arguments[0]);
    if (!from || !arguments[1].is(Type::number) || !arguments[2].is(Type::number)) return {};
    const auto to = geo_point(arguments[1].number(), arguments[2].number());
    return to ? number(distance_metres(*from, *to)) : Value();
}

// What is not said to be otherwise has converged; what waits is offline while the device is away.
Value drift_state(std::span<const Value> arguments) {
    const auto& [cell, desired, connection] = std::tie(arguments[0], arguments[1], arguments[2]);
    if (!cell.is(Type::string))
        return Value::string(desired.is(Type::undefined) ? "untracked" : "converged");
    const bool waits = cell.string() == "pending" || cell.string() == "stale";
    const bool connected = connection.is(Type::string) && connection.string() == "Connected";
    return waits && !connected ? Value::string("offline") : cell;
}

double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

}  // namespace

Value call(const Expr& expr, std::span<const Value> arguments, const CallContext& context) {
    const auto is = [&](Type type) { return Value::boolean(arguments[0].is(type)); };
    switch (expr.function) {
        case Function::is_defined: return Value::boolean(!arguments[0].is(Type::undefined));
        case Function::is_null: return is(Type::null);
        case Function::is_bool: return is(Type::boolean);
        case Function::is_number: return is(Type::number);
        case Function::is_string: return is(Type::string);
        case Function::is_object: return is(Type::object);
        case Function::is_array: return is(Type::array);
        case Function::is_primitive: return Value::boolean(is_primitive(arguments[0]));
        case Function::starts_with:
            return text_test(arguments,
                             [](auto text, auto part) { return text.starts_with(part); });
        case Function::ends_with:
            return text_test(arguments, [](auto text, auto part) { return text.ends_with(part); });
        case Function::contains:
            return text_test(arguments, [](auto text, auto part) { return text.contains(part); });
        case Function::array_contains: return array_contains(arguments[0], arguments[1]);
        case Function::lower:
        case Function::upper:
            if (!arguments[0].is(Type::string)) return {};
            return with_case(
                arguments[0].string(),
                expr.function == Function::lower ? LetterCase::lower : LetterCase::upper,
                *context.scratch);
        case Function::length: return length(arguments[0]);
        case Function::concat: return concat(arguments, *context.scratch);
        case Function::substring: return substring_of(arguments);
        case Function::index_of:
            if (!arguments[0].is(Type::string) || !arguments[1].is(Type::string)) return {};
            return number(index_of(arguments[0].string(), arguments[1].string()));
        case Function::as_number:
            if (arguments[0].is(Type::number)) return arguments[0];
            return arguments[0].is(Type::string) ? number_of(arguments[0].string()) : Value();
        case Function::abs: return of_number(arguments, [](double x) { return std::abs(x); });
        case Function::exp: return of_number(arguments, [](double x) { return std::exp(x); });
        case Function::power:
            if (!arguments[1].is(Type::number)) return {};
            return of_number(arguments,
                             [&](double x) { return std::pow(x, arguments[1].number()); });
        case Function::square: return of_number(arguments, [](double x) { return x * x; });
        case Function::ceiling: return of_number(arguments, [](double x) { return std::ceil(x); });
        case Function::floor: return of_number(arguments, [](double x) { return std::floor(x); });
        case Function::sign: return of_number(arguments, sign);
        case Function::sqrt: return of_number(arguments, [](double x) { return std::sqrt(x); });
        case Function::now: return Value::string(context.now_text);
        case Function::age_seconds: return age_seconds(arguments[0], context);
        case Function::regex_match:
            if (!arguments[0].is(Type::string)) return {};
            return Value::boolean(expr.regex->matches(arguments[0].string()));
        case Function::geo_distance: return geo_distance(arguments);
        case Function::geo_within: {
            const auto point = geo_point(arguments[0]);
            return point ? Value::boolean(is_within(*point, expr.polygon)) : Value();
        }
        case Function::drift_state: return drift_state(arguments);
        case Function::drift_count:
            return arguments[0].is(Type::number) ? arguments[0] : Value::number(0);
        case Function::is_converged:
        case Function::drift_since: break;
    }
    std::unreachable();
}

}  // namespace twinhub::query
