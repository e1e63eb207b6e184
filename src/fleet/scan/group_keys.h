#pragma once

#include "fleet/scan/block.h"
#include "fleet/scan/paths.h"

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace twinhub::fleet {

// The values of one group key as small numbers, so that rows are grouped without looking at values:
// a code or a word that was met before costs one look into a table.
class GroupKeys {
public:
    GroupKeys(Paths& paths, query::PathIndex path) : paths_(&paths), path_(path) {}

    // The number of each row's value. `rows` are positions in the block.
    void number(const Block& block, std::span<const std::uint16_t> rows,
                std::span<std::uint32_t> numbers);
    // As append_group_key writes the value of that number.
    std::string_view bytes(std::uint32_t number) const { return *values_[number]; }
    std::size_t size() const { return values_.size(); }

private:
    static constexpr std::uint32_t none = 0xFFFF'FFFF;
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    template <class Code>
    void number_codes(const Column& column, const Code* codes, const Block& block,
                      std::span<const std::uint16_t> rows, std::span<std::uint32_t> numbers);
    // Of a code or word that is met for the first time. Each object has members of its own, so the
    // mark for objects never gets a number.
    std::uint32_t number_of(const Column& column, Word word, Row row, std::uint32_t& known);
    std::uint32_t number_of(const query::Value& value);

    Paths* paths_;
    query::PathIndex path_;
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> by_value_;
    std::vector<const std::string*> values_;
    // What the codes of this dictionary stand for, as long as it does not change.
    const Dictionary* dictionary_ = nullptr;
    std::uint64_t revision_ = 0;
    std::vector<std::uint32_t> by_code_;
    absl::flat_hash_map<std::uint64_t, std::uint32_t> by_word_;
    std::string buffer_;
    Scratch scratch_;
};

}  // namespace twinhub::fleet
