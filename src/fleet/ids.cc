#include "fleet/ids.h"

#include "base/ids.h"
#include "base/result.h"

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <cstring>

// A text record: the length of the device's id, that of the module's, both ids.
namespace twinhub::fleet {
namespace {

static_assert(id_bytes_max < 256);
constexpr std::size_t header = 2;

absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }
std::size_t record_bytes(const Key& key) { return header + key.device.size() + key.module.size(); }

}  // namespace

Ids::Ids() : index_(0, Hash{this}, Same{this}), order_(Before{this}) {}

std::size_t Ids::Hash::operator()(const Key& key) const {
    return absl::HashOf(view(key.device), view(key.module));
}

Key Ids::key(Row row) const {
    const char* record = &texts_[offsets_[row]];
    const std::size_t device = static_cast<unsigned char>(record[0]);
    const std::size_t module = static_cast<unsigned char>(record[1]);
    return {{record + header, device}, {record + header + device, module}};
}

std::optional<Row> Ids::find(const Key& key) const {
    const auto at = index_.find(key);
    if (at == index_.end()) return std::nullopt;
    return *at;
}

void Ids::add(Row row, const Key& key) {
    CHECK(key.device.size() <= id_bytes_max && key.module.size() <= id_bytes_max);
    if (row >= offsets_.size())
        offsets_.resize(std::max<std::size_t>(row + 1, offsets_.size() * 9 / 8), none);
    append(row, key);
    index_.insert(row);
    // At a start the rows come in order.
    if (order_.empty() || this->key(*order_.rbegin()) < key) order_.insert(order_.end(), row);
    else order_.insert(row);
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
    index_.erase(row);
    offsets_[row] = none;
    if (texts_wasted_ > 256 && texts_wasted_ > texts_end_ / 2) compact();
    if (index_.size() < index_.capacity() / 8) index_.rehash(0);
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

std::size_t Ids::bytes() const {
    // A node of the ordered set holds 60 rows or so, and is three quarters full on average.
    const std::size_t order = order_.size() * sizeof(Row) * 3 / 2;
    return offsets_.bytes() + texts_.bytes() + index_.capacity() * (sizeof(Row) + 1) + order;
}

}  // namespace twinhub::fleet
