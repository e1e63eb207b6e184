#pragma once

#include "fleet/scan/group_keys.h"
#include "fleet/scan/groups.h"
#include "fleet/scan/number_table.h"

#include <array>
#include <memory>

namespace twinhub::fleet {

// Puts the rows of a scan into groups. False means that the groups are over their limit: the answer
// cannot be had.
class GroupFeed {
public:
    GroupFeed(const query::Plan& plan, const Table& table, GroupLimits limits);

    // A key or an aggregate reads what is not in columns.
    bool needs_documents() const { return needs_documents_; }

    bool add(const Block& block, const Bits& rows);
    bool add(Row row);
    bool add(query::RowSource& row);
    // What has been counted by code so far; before the table may change, and at the end.
    bool settle();

    const Groups& groups() const { return groups_; }

private:
    bool count_codes_of(const Block& block, const Bits& rows);
    bool group(const Block& block, std::span<const std::uint16_t> rows,
               std::span<std::uint32_t> groups);
    void aggregate(std::size_t n, const Block& block, std::span<const std::uint16_t> rows,
                   std::span<const std::uint32_t> groups);

    const query::Plan* plan_;
    Paths paths_;
    Groups groups_;
    bool needs_documents_ = false;
    bool only_counts_ = true;
    std::vector<GroupKeys> keys_;
    // The group of a value of the only key. With more keys: of the first and second one's numbers a
    // number, of that and the third's another, until the last one's gives the group.
    struct PairKey {
        std::uint32_t key;
        std::uint32_t before;
        std::uint32_t value;
        friend bool operator==(const PairKey&, const PairKey&) = default;
        template <class H>
        friend H AbslHashValue(H hash, const PairKey& pair) {
            return H::combine(std::move(hash), pair.key, pair.before, pair.value);
        }
    };
    static constexpr std::uint32_t small_pair_max = 256;
    std::uint32_t& pair(std::uint32_t key, std::uint32_t before, std::uint32_t value);
    std::vector<std::uint32_t> by_number_;
    std::vector<std::uint32_t> small_pairs_;  // of the first two keys, where both numbers are small
    absl::flat_hash_map<PairKey, std::uint32_t> pairs_;
    std::vector<std::string> prefixes_;  // the bytes of those numbers in between
    // COUNT alone by one key of codes: rows by code since the last `settle`.
    const Column* counted_ = nullptr;
    std::vector<std::uint32_t> counts_;
    std::array<std::uint16_t, block_rows> positions_;
    std::array<std::uint32_t, block_rows> numbers_;
    std::array<std::uint32_t, block_rows> more_numbers_;
    std::vector<NumberTable> number_tables_;  // of the aggregations
    std::array<double, block_rows> number_cells_;
};

}  // namespace twinhub::fleet
