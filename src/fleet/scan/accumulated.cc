#include "fleet/scan/accumulated.h"

#include "query/scalar.h"

namespace twinhub::fleet {
namespace {

using query::Aggregate;
using query::Type;
using query::Value;

void add_number(Accumulated& to, Aggregate aggregate, double number) {
    const bool first = to.count++ == 0;
    if (aggregate == Aggregate::min) {
        if (first || number < to.number) to.number = number;
    } else if (aggregate == Aggregate::max) {
        if (first || number > to.number) to.number = number;
    } else {
        to.number += number;
    }
}

void add_text(Accumulated& to, const Aggregation& aggregation, std::string_view text) {
    const auto order = query::order(Value::string(text), Value::string(to.text), aggregation.time);
    const bool better = aggregation.function == Aggregate::min ? order < 0 : order > 0;
    if (to.has_text && !better) return;
    to.text = text;
    to.has_text = true;
}

bool is_extreme(Aggregate aggregate) {
    return aggregate == Aggregate::min || aggregate == Aggregate::max;
}

}  // namespace

Aggregation aggregation_of(const query::Plan& plan, const query::Item& item) {
    if (item.aggregate == Aggregate::count) return {};
    return {item.aggregate, item.path, plan.paths[item.path].time};
}

void Accumulated::add(const Aggregation& aggregation, const Value& value) {
    if (aggregation.function == Aggregate::count) ++count;
    else if (value.is(Type::number)) add_number(*this, aggregation.function, value.number());
    else if (value.is(Type::string) && count == 0 && is_extreme(aggregation.function))
        add_text(*this, aggregation, value.string());
}

void Accumulated::merge(const Aggregation& aggregation, const Accumulated& other) {
    if (!is_extreme(aggregation.function)) {
        count += other.count;
        number += other.number;
        return;
    }
    if (other.count > 0) {
        const std::uint64_t total = count + other.count;
        add_number(*this, aggregation.function, other.number);
        count = total;
    }
    if (count == 0 && other.has_text) add_text(*this, aggregation, other.text);
}

Value Accumulated::result(const Aggregation& aggregation) const {
    if (aggregation.function == Aggregate::count) return Value::number(static_cast<double>(count));
    if (count == 0) return has_text ? Value::string(text) : Value();
    if (aggregation.function == Aggregate::avg)
        return Value::number(number / static_cast<double>(count));
    return Value::number(number);
}

}  // namespace twinhub::fleet
