#pragma once

#include "base/result.h"
#include "fleet/scan/accumulated.h"
#include "query/plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace twinhub::fleet {

// What the groups of one query may hold in a shard, and in the merged answer.
struct GroupLimits {
    std::size_t groups_max = 100'000;
    std::size_t bytes_max = 64 << 20;  // of keys and texts
};

// The groups of one shard, or of all: by the bytes of their keys (append_group_key), one
// Accumulated for each aggregate of the plan. Spec query-language 7.7: without GROUP BY there is
// exactly one.
class Groups {
public:
    explicit Groups(const query::Plan& plan, GroupLimits limits = {});

    std::size_t size() const { return keys_.size(); }
    // The group of a key, made when it is new; nothing when that would be over a limit.
    std::optional<std::uint32_t> place(std::string_view key);
    std::string_view key(std::uint32_t group) const { return *keys_[group]; }
    // The `n`th of the plan's items that are aggregates.
    Accumulated& at(std::uint32_t group, std::size_t n) { return cells_[group * stride_ + n]; }
    const Accumulated& at(std::uint32_t group, std::size_t n) const {
        return cells_[group * stride_ + n];
    }

    const std::vector<Aggregation>& aggregations() const { return aggregates_; }

    // Adds another shard's. Errors: unavailable, over budget.
    Result<> merge(const Groups& other);

    // The rows of the answer as JSON objects: in the order asked for, then of their keys; cut by
    // OFFSET and LIMIT.
    std::vector<std::string> answer() const;

    // What one says when the groups are too many.
    static Error over_budget();

private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    std::string sort_key(std::uint32_t group) const;
    void append_row(std::string& out, std::uint32_t group) const;

    const query::Plan* plan_;  // must outlive
    GroupLimits limits_;
    std::vector<Aggregation> aggregates_;
    std::size_t stride_ = 0;  // their number
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> by_key_;
    std::vector<const std::string*> keys_;  // by group: the map's own
    std::vector<Accumulated> cells_;
    std::size_t bytes_ = 0;
};

}  // namespace twinhub::fleet
