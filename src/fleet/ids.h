#pragma once

#include "fleet/buffer.h"
#include "fleet/hash_index.h"
#include "fleet/word.h"

#include <absl/container/btree_set.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace twinhub::fleet {

// The name of a row: its module is empty in the table of devices. Ordered by bytes, device first.
struct Key {
    std::string_view device;
    std::string_view module;

    friend auto operator<=>(const Key&, const Key&) = default;
};

// Which row has which id: by hash to find one, in key order to page through them.
class Ids {
    struct Before {
        using is_transparent = void;
        const Ids* ids;
        bool operator()(Row a, Row b) const { return ids->key(a) < ids->key(b); }
        bool operator()(Row row, const Key& key) const { return ids->key(row) < key; }
        bool operator()(const Key& key, Row row) const { return key < ids->key(row); }
    };
    using Order = absl::btree_set<Row, Before>;

public:
    Ids();
    Ids(const Ids&) = delete;
    Ids& operator=(const Ids&) = delete;

    std::uint32_t size() const { return index_.size(); }
    std::optional<Row> find(const Key& key) const;
    bool has(Row row) const { return row < offsets_.size() && offsets_[row] != none; }
    Key key(Row row) const;  // only of a row that has one; borrowed until the next change
    std::uint32_t modules() const { return modules_; }  // rows whose key has one

    // The rows in key order.
    using const_iterator = Order::const_iterator;
    const_iterator begin() const { return order_.begin(); }
    const_iterator end() const { return order_.end(); }
    const_iterator from(const Key& key) const { return order_.lower_bound(key); }
    const_iterator after(const Key& key) const { return order_.upper_bound(key); }

    // The row must have no key, and no row this one.
    void add(Row row, const Key& key);
    void remove(Row row);
    void reserve(std::uint32_t rows);
    // From here on added rows have no place in the key order until `restore_order`: for many that
    // come in runs of rising keys.
    void defer_order() { deferred_ = true; }
    void restore_order();
    void trim(std::uint32_t rows);  // those beyond have no key and need no place
    std::size_t bytes() const;

private:
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    void append(Row row, const Key& key);
    void compact();
    void sort_runs(std::vector<Row>& rows) const;

    Buffer<std::uint32_t> offsets_;  // by row, into texts_
    Buffer<char> texts_;             // two lengths, then the device and the module
    std::uint32_t texts_end_ = 0;
    std::uint32_t texts_wasted_ = 0;
    std::uint32_t modules_ = 0;
    bool deferred_ = false;
    HashIndex index_;
    Order order_;
};

}  // namespace twinhub::fleet
