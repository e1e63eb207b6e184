#include "fleet/scan/group_feed.h"

#include "fleet/scan/kernels.h"
#include "fleet/scan/key_bytes.h"

#include <algorithm>
#include <cmath>

namespace twinhub::fleet {
namespace {

using query::Aggregate;
using query::Value;

constexpr std::uint32_t no_group = 0xFFFF'FFFF;

// In four sums: one alone would wait for each addition to end.
void add_all(Accumulated& to, std::span<const double> numbers) {
    double sums[4] = {};
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const bool number = !std::isnan(numbers[i]);
        sums[i % 4] += number ? numbers[i] : 0;
        count += number;
    }
    to.count += count;
    to.number += sums[0] + sums[1] + (sums[2] + sums[3]);
}

}  // namespace

GroupFeed::GroupFeed(const query::Plan& plan, const Table& table, GroupLimits limits)
    : plan_(&plan), paths_(plan, table, Use::answer), groups_(plan, limits) {
    for (const query::PathIndex key : plan.group_by) {
        keys_.emplace_back(paths_, key);
        needs_documents_ |= paths_.needs_document(key);
    }
    number_tables_.resize(groups_.aggregations().size());
    for (const Aggregation& one : groups_.aggregations()) {
        if (one.function == Aggregate::count) continue;
        only_counts_ = false;
        needs_documents_ |= paths_.needs_document(one.path);
    }
}

bool GroupFeed::add(const Block& block, const Bits& rows) {
    if (plan_->group_by.empty() && only_counts_) {
        const std::size_t count = rows.count();
        for (std::size_t n = 0; n < groups_.aggregations().size(); ++n)
            groups_.at(0, n).count += count;
        return true;
    }
    if (only_counts_ && keys_.size() == 1 && count_codes_of(block, rows)) return true;
    std::size_t size = 0;
    rows.each([&](std::size_t i) { positions_[size++] = static_cast<std::uint16_t>(i); });
    const std::span<const std::uint16_t> chosen(positions_.data(), size);
    const std::span<std::uint32_t> groups(numbers_.data(), size);
    if (!group(block, chosen, groups)) return false;
    for (std::size_t n = 0; n < groups_.aggregations().size(); ++n)
        aggregate(n, block, chosen, groups);
    return true;
}

// False: the key is no column of codes, or one of so many that counting by code does not pay.
bool GroupFeed::count_codes_of(const Block& block, const Bits& rows) {
    const query::PathIndex key = plan_->group_by.front();
    if (!paths_.simple(key)) return false;
    const Column* column = paths_.column(key);
    if (column == nullptr || column->content() != Content::values) return false;
    constexpr Code codes_max = 1 << 16;
    if (column->dictionary().size() > codes_max) return false;
    // Objects are told apart by their members.
    if (column->dictionary().find(Value::object_mark())) return false;
    const auto count = [&](const auto* codes) {
        const std::size_t chosen = rows.count();
        if (chosen * 2 < block.size) {
            rows.each([&](std::size_t i) { ++counts_[codes[i]]; });
            return;
        }
        count_codes(codes, block.size, counts_.data());
        Bits others = Bits::full();
        others -= rows;
        others.each([&](std::size_t i) {
            if (i < block.size) --counts_[codes[i]];
        });
    };
    if (counted_ == nullptr) {
        counted_ = column;
        // Codes of eight bits are counted in a table of all of them.
        counts_.assign(std::max<std::size_t>(column->dictionary().size(), 256), 0);
    }
    switch (column->form()) {
        case Form::codes8: count(column->codes8().data() + block.first); return true;
        case Form::codes16: count(column->codes16().data() + block.first); return true;
        case Form::codes32: count(column->codes32().data() + block.first); return true;
        default: counted_ = nullptr; return false;
    }
}

bool GroupFeed::settle() {
    if (counted_ == nullptr) return true;
    Scratch scratch;
    std::string key;
    const Dictionary& dictionary = counted_->dictionary();
    counted_ = nullptr;
    for (Code code = 0; code < dictionary.size(); ++code) {
        if (counts_[code] == 0) continue;
        key.clear();
        append_group_key(key, dictionary.value(code, scratch));
        const auto group = groups_.place(key);
        if (!group) return false;
        for (std::size_t n = 0; n < groups_.aggregations().size(); ++n)
            groups_.at(*group, n).count += counts_[code];
    }
    return true;
}

bool GroupFeed::group(const Block& block, std::span<const std::uint16_t> rows,
                      std::span<std::uint32_t> groups) {
    if (keys_.empty()) {
        std::ranges::fill(groups, 0);
        return true;
    }
    keys_.front().number(block, rows, groups);
    std::string key;
    if (keys_.size() == 1) {
        for (std::uint32_t& number : groups) {
            if (number >= by_number_.size()) by_number_.resize(number + 1, no_group);
            if (by_number_[number] == no_group) {
                const auto made = groups_.place(keys_.front().bytes(number));
                if (!made) return false;
                by_number_[number] = *made;
            }
            number = by_number_[number];
        }
        return true;
    }
    // Groups of the first keys become one number with the next key's, until all are in.
    std::span<std::uint32_t> more(more_numbers_.data(), rows.size());
    for (std::size_t k = 1; k < keys_.size(); ++k) {
        keys_[k].number(block, rows, more);
        const bool last = k + 1 == keys_.size();
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::uint32_t& known = pair(static_cast<std::uint32_t>(k), groups[i], more[i]);
            if (known == no_group) {
                key = k == 1 ? std::string(keys_.front().bytes(groups[i])) : prefixes_[groups[i]];
                key += keys_[k].bytes(more[i]);
                if (last) {
                    const auto made = groups_.place(key);
                    if (!made) return false;
                    known = *made;
                } else {
                    known = static_cast<std::uint32_t>(prefixes_.size());
                    prefixes_.push_back(key);
                }
            }
            groups[i] = known;
        }
    }
    return true;
}

std::uint32_t& GroupFeed::pair(std::uint32_t key, std::uint32_t before, std::uint32_t value) {
    if (key == 1 && before < small_pair_max && value < small_pair_max) {
        if (small_pairs_.empty()) small_pairs_.assign(small_pair_max * small_pair_max, no_group);
        return small_pairs_[before * small_pair_max + value];
    }
    return pairs_.try_emplace(PairKey{key, before, value}, no_group).first->second;
}

void GroupFeed::aggregate(std::size_t n, const Block& block, std::span<const std::uint16_t> rows,
                          std::span<const std::uint32_t> groups) {
    const Aggregation& one = groups_.aggregations()[n];
    if (one.function == Aggregate::count) {
        for (const std::uint32_t group : groups) ++groups_.at(group, n).count;
        return;
    }
    const Column* column = paths_.simple(one.path) ? paths_.column(one.path) : nullptr;
    const std::span<double> numbers(number_cells_.data(), rows.size());
    if (column != nullptr && number_tables_[n].read(*column, block, rows, numbers)) {
        const bool sums = one.function == Aggregate::sum || one.function == Aggregate::avg;
        if (sums && keys_.empty()) return add_all(groups_.at(0, n), numbers);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            Accumulated& to = groups_.at(groups[i], n);
            if (std::isnan(numbers[i])) {
                // Texts count for MIN and MAX.
                if (!sums) to.add(one, paths_.value(one.path, block.first + rows[i]));
            } else if (sums) {
                ++to.count;
                to.number += numbers[i];
            } else {
                to.add(one, Value::number(numbers[i]));
            }
        }
        return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
        groups_.at(groups[i], n).add(one, paths_.value(one.path, block.first + rows[i]));
}

bool GroupFeed::add(Row row) {
    ColumnRow source(paths_, row);
    return add(source);
}

bool GroupFeed::add(query::RowSource& row) {
    std::string key;
    for (const query::PathIndex path : plan_->group_by) append_group_key(key, row.get(path));
    const auto group = groups_.place(key);
    if (!group) return false;
    for (std::size_t n = 0; n < groups_.aggregations().size(); ++n) {
        const Aggregation& one = groups_.aggregations()[n];
        groups_.at(*group, n).add(one,
                                  one.function == Aggregate::count ? Value() : row.get(one.path));
    }
    return true;
}

}  // namespace twinhub::fleet
