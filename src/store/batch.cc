#include "store/batch.h"

#include "base/result.h"

#include <cstring>
#include <limits>
#include <utility>

namespace twinhub::store {
namespace {

constexpr std::size_t header_bytes = 2 + 2 * sizeof(std::uint32_t);

}  // namespace

std::string_view name_of(Family family) {
    switch (family) {
        case Family::identities: return "identities";
        case Family::twins: return "twins";
        case Family::changes: return "changes";
        case Family::metadata: return "metadata";
    }
    std::unreachable();
}

Batch::Batch(Batch&& other) noexcept
    : buffer_(std::move(other.buffer_)), operations_(std::exchange(other.operations_, 0)) {
    other.buffer_.clear();
}

Batch& Batch::operator=(Batch&& other) noexcept {
    if (this != &other) {
        buffer_ = std::move(other.buffer_);
        operations_ = std::exchange(other.operations_, 0);
        other.buffer_.clear();
    }
    return *this;
}

void Batch::put(Family family, std::string_view key, std::string_view value) {
    add(Operation::Kind::put, family, key, value);
}

void Batch::remove(Family family, std::string_view key) {
    add(Operation::Kind::remove, family, key, {});
}

void Batch::remove_range(Family family, std::string_view from, std::string_view to) {
    if (from < to) add(Operation::Kind::remove_range, family, from, to);
}

void Batch::append(const Batch& other) {
    buffer_.append(other.buffer_);
    operations_ += other.operations_;
}

void Batch::clear() {
    buffer_.clear();
    operations_ = 0;
}

void Batch::add(Operation::Kind kind, Family family, std::string_view key, std::string_view value) {
    constexpr std::size_t length_max = std::numeric_limits<std::uint32_t>::max();
    CHECK(key.size() <= length_max && value.size() <= length_max);
    const std::uint32_t lengths[2] = {static_cast<std::uint32_t>(key.size()),
                                      static_cast<std::uint32_t>(value.size())};
    char header[header_bytes];
    header[0] = static_cast<char>(kind);
    header[1] = static_cast<char>(family);
    std::memcpy(header + 2, lengths, sizeof lengths);
    buffer_.append(header, header_bytes).append(key).append(value);
    ++operations_;
}

Batch::Iterator::Iterator(const char* at, const char* end) : at_(at), next_(at), end_(end) {
    read();
}

Batch::Iterator& Batch::Iterator::operator++() {
    at_ = next_;
    read();
    return *this;
}

Batch::Iterator Batch::Iterator::operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
}

void Batch::Iterator::read() {
    if (at_ == end_) return;
    std::uint32_t lengths[2];
    std::memcpy(lengths, at_ + 2, sizeof lengths);
    operation_.kind = static_cast<Operation::Kind>(at_[0]);
    operation_.family = static_cast<Family>(at_[1]);
    operation_.key = {at_ + header_bytes, lengths[0]};
    operation_.value = {at_ + header_bytes + lengths[0], lengths[1]};
    next_ = operation_.value.data() + operation_.value.size();
}

}  // namespace twinhub::store
