#include "fleet/scan/groups.h"

#include "base/json.h"
#include "fleet/scan/key_bytes.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace twinhub::fleet {
namespace {

using query::Aggregate;

// The value of one group key out of all of them.
std::string_view nth_key(std::string_view key, std::size_t n) {
    for (; n > 0; --n) take_group_key(key);
    return take_group_key(key);
}

std::size_t position_of(const query::Plan& plan, query::PathIndex path) {
    return static_cast<std::size_t>(std::ranges::find(plan.group_by, path) - plan.group_by.begin());
}

bool append_json_value(std::string& out, const query::Value& value) {
    std::string bytes;
    append_group_key(bytes, value);
    return append_group_json(out, bytes);
}

}  // namespace

Groups::Groups(const query::Plan& plan, GroupLimits limits) : plan_(&plan), limits_(limits) {
    for (const query::Item& item : plan.items)
        if (item.aggregate != Aggregate::none) aggregates_.push_back(aggregation_of(plan, item));
    stride_ = aggregates_.size();
    if (plan.group_by.empty()) place("");
}

std::optional<std::uint32_t> Groups::place(std::string_view key) {
    if (const auto known = by_key_.find(key); known != by_key_.end()) return known->second;
    if (keys_.size() >= limits_.groups_max || bytes_ + key.size() > limits_.bytes_max)
        return std::nullopt;
    const auto group = static_cast<std::uint32_t>(keys_.size());
    keys_.push_back(&by_key_.emplace(key, group).first->first);
    cells_.resize(cells_.size() + stride_);
    bytes_ += key.size();
    return group;
}

Result<> Groups::merge(const Groups& other) {
    for (std::uint32_t from = 0; from < other.keys_.size(); ++from) {
        const std::optional<std::uint32_t> to = place(*other.keys_[from]);
        if (!to) return std::unexpected(over_budget());
        for (std::size_t n = 0; n < stride_; ++n)
            at(*to, n).merge(aggregates_[n], other.at(from, n));
    }
    return {};
}

std::vector<std::string> Groups::answer() const {
    std::vector<std::pair<std::string, std::uint32_t>> order;
    order.reserve(keys_.size());
    for (std::uint32_t group = 0; group < keys_.size(); ++group)
        order.emplace_back(sort_key(group), group);
    const std::size_t from = std::min<std::uint64_t>(plan_->offset, order.size());
    const std::size_t left = order.size() - from;
    const std::size_t to = from + std::min<std::uint64_t>(plan_->limit.value_or(left), left);
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(to));
    std::vector<std::string> rows;
    for (std::size_t i = from; i < to; ++i) append_row(rows.emplace_back(), order[i].second);
    return rows;
}

std::string Groups::sort_key(std::uint32_t group) const {
    std::string bytes;
    for (const query::SortKey& by : plan_->order_by) {
        const std::size_t place = std::get<std::size_t>(by.by);
        const query::Item& item = plan_->items[place];
        if (item.aggregate != Aggregate::none) {
            const auto n = static_cast<std::size_t>(std::count_if(
                plan_->items.begin(), plan_->items.begin() + static_cast<std::ptrdiff_t>(place),
                [](const query::Item& one) { return one.aggregate != Aggregate::none; }));
            append_sort_key(bytes, at(group, n).result(aggregates_[n]),
                            {by.descending, aggregates_[n].time});
        } else {
            append_group_sort_key(bytes, nth_key(*keys_[group], position_of(*plan_, item.path)),
                                  {by.descending, plan_->paths[item.path].time});
        }
    }
    return bytes + *keys_[group];
}

void Groups::append_row(std::string& out, std::uint32_t group) const {
    out += '{';
    std::size_t n = 0;
    for (const query::Item& item : plan_->items) {
        const std::size_t before = out.size();
        if (before > 1) out += ',';
        append_json_string(out, item.name);
        out += ':';
        const bool defined =
            item.aggregate != Aggregate::none
                ? append_json_value(out, at(group, n).result(aggregates_[n]))
                : append_group_json(out, nth_key(*keys_[group], position_of(*plan_, item.path)));
        n += item.aggregate != Aggregate::none;
        if (!defined) out.resize(before);
    }
    out += '}';
}

Error Groups::over_budget() {
    return {twinhub::Code::unavailable, "The query is over budget: it has too many groups.", {}};
}

}  // namespace twinhub::fleet
