#include "fleet/ids.h"

#include "base/ids.h"
#include "base/result.h"

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <algorithm>
#include <cstring>

// A text record: the length of the device's id, that of the module's, both ids.
namespace twinhub::fleet {
namespace {

static_assert(id_bytes_max < 256);
constexpr std::size_t header = 2;

absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }
std::uint32_t hash_of(const Key& key) {
    return HashIndex::folded(key.module.empty() ? absl::HashOf(view(key.device))
                                                : absl::HashOf(view(key.device), view(key.module)));
}
std::size_t record_bytes(const Key& key) { return header + key.device.size() + key.module.size(); }

}  // namespace

Ids::Ids() : order_(Before{this}) {}

Key Ids::key(Row row) const {
    const char* record = &texts_[offsets_[row]];
    const std::size_t device = static_cast<unsigned char>(record[0]);
    const std::size_t module = static_cast<unsigned char>(record[1]);
    return {{record + header, device}, {record + header + device, module}};
}

std::optional<Row> Ids::find(const Key& key) const {
    return index_.find(hash_of(key), [&](Row row) { return this->key(row) == key; });
}

void Ids::add(Row row, const Key& key) {
    CHECK(key.device.size() <= id_bytes_max && key.module.size() <= id_bytes_max);
    if (row >= offsets_.size())
        offsets_.resize(std::max<std::size_t>(row + 1, offsets_.size() * 9 / 8), none);
    append(row, key);
    index_.insert(hash_of(key), row);
    if (!deferred_) order_.insert(row);
    modules_ += !key.module.empty();
}

void Ids::append(Row row, const Key& key) {
    const std::size_t end = texts_end_ + record_bytes(key);
    if (end > texts_.size()) {
        CHECK(end < none);
        texts_.reallocate(std::max<std::size_t>(end + end / 8, 256));
    }
    char* record = &texts_[texts_end_];
    record[0] = static_cast<char>(key.device.size());
    record[1] = static_cast<char>(key.module.size());
    std::memcpy(record + header, key.device.data(), key.device.size());
    if (!key.module.empty())
        std::memcpy(record + header + key.device.size(), key.module.data(), key.module.size());
    offsets_[row] = texts_end_;
    texts_end_ = static_cast<std::uint32_t>(end);
}

void Ids::remove(Row row) {
    const Key gone = key(row);
    modules_ -= !gone.module.empty();
    texts_wasted_ += static_cast<std::uint32_t>(record_bytes(gone));
    order_.erase(row);
    index_.erase(hash_of(gone), row);
    offsets_[row] = none;
    if (texts_wasted_ > 256 && texts_wasted_ > texts_end_ / 2) compact();
}

void Ids::compact() {
    Buffer<char> old = std::exchange(texts_, Buffer<char>());
    const std::uint32_t left = texts_end_ - texts_wasted_;
    texts_.reallocate(left + left / 8);
    texts_end_ = 0;
    texts_wasted_ = 0;
    for (Row row = 0; row < offsets_.size(); ++row) {
        if (offsets_[row] == none) continue;
        const char* record = &old[offsets_[row]];
        const std::size_t bytes =
            header + static_cast<unsigned char>(record[0]) + static_cast<unsigned char>(record[1]);
        std::memcpy(&texts_[texts_end_], record, bytes);
        offsets_[row] = texts_end_;
        texts_end_ += static_cast<std::uint32_t>(bytes);
    }
}

void Ids::trim(std::uint32_t rows) {
    if (rows < offsets_.size()) offsets_.resize(rows, none);
}

void Ids::reserve(std::uint32_t rows) {
    if (rows > offsets_.size()) offsets_.resize(rows, none);
    index_.reserve(rows);
}

void Ids::restore_order() {
    deferred_ = false;
    std::vector<Row> rows;
    rows.reserve(size());
    for (Row row = 0; row < offsets_.size(); ++row)
        if (has(row)) rows.push_back(row);
    sort_runs(rows);
    order_.clear();
    for (const Row row : rows) order_.insert(order_.end(), row);
}

// Merges neighbouring runs until there is one: what is merged is read from front to back, which a
// general sort does not do while it is far from its end.
void Ids::sort_runs(std::vector<Row>& rows) const {
    const Before before{this};
    std::vector<std::size_t> ends;  // of the runs
    for (std::size_t i = 1; i <= rows.size(); ++i)
        if (i == rows.size() || before(rows[i], rows[i - 1])) ends.push_back(i);
    std::vector<Row> merged(rows.size());
    while (ends.size() > 1) {
        std::vector<std::size_t> next;
        std::size_t begin = 0;
        for (std::size_t run = 0; run < ends.size(); run += 2) {
            const std::size_t middle = ends[run];
            const std::size_t end = run + 1 < ends.size() ? ends[run + 1] : middle;
            const auto at = [&](std::size_t i) {
                return rows.begin() + static_cast<std::ptrdiff_t>(i);
            };
            std::merge(at(begin), at(middle), at(middle), at(end),
                       merged.begin() + static_cast<std::ptrdiff_t>(begin), before);
            next.push_back(end);
            begin = end;
        }
        rows.swap(merged);
        ends.swap(next);
    }
}

std::size_t Ids::bytes() const {
    // A node of the ordered set holds 60 rows or so, and is three quarters full on average.
    const std::size_t order = order_.size() * sizeof(Row) * 3 / 2;
    return offsets_.bytes() + texts_.bytes() + index_.bytes() + order;
}

}  // namespace twinhub::fleet
