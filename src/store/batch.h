#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace twinhub::store {

// The tables of the store. The numbers are part of the disk format.
enum class Family : std::uint8_t {
    identities,  // twin key -> identity
    twins,       // twin key -> twin document
    changes,     // slot and sequence -> one change with its inverse, author and time
    metadata,    // area and text -> facts about the hub and the store itself
};
inline constexpr std::size_t family_count = 4;
std::string_view name_of(Family family);

// One line of a batch. The views live as long as the batch is neither changed nor destroyed.
struct Operation {
    enum class Kind : std::uint8_t { put, remove, remove_range };
    Kind kind = Kind::put;
    Family family = Family::identities;
    std::string_view key;    // remove_range: the first key removed
    std::string_view value;  // put: the value; remove_range: the first key that stays; else empty
};

// What one commit changes, in order: a later operation on a key wins over an earlier one. One
// buffer that keeps its memory over clear(), so an open batch costs no allocation a change.
class Batch {
public:
    Batch() = default;
    Batch(const Batch&) = default;
    Batch& operator=(const Batch&) = default;
    Batch(Batch&& other) noexcept;  // `other` is empty afterwards
    Batch& operator=(Batch&& other) noexcept;

    void put(Family family, std::string_view key, std::string_view value);
    void remove(Family family, std::string_view key);
    // Removes every key in [from, to). An empty or backward range removes nothing.
    void remove_range(Family family, std::string_view from, std::string_view to);
    // Adds all of `other` behind what is here.
    void append(const Batch& other);

    bool empty() const { return operations_ == 0; }
    std::size_t operations() const { return operations_; }
    std::size_t bytes() const { return buffer_.size(); }  // about what the log will take
    void clear();

    class Iterator {
    public:
        using difference_type = std::ptrdiff_t;
        using value_type = Operation;
        using iterator_concept = std::forward_iterator_tag;

        Iterator() = default;
        Operation operator*() const { return operation_; }
        const Operation* operator->() const { return &operation_; }
        Iterator& operator++();
        Iterator operator++(int);
        friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

    private:
        friend class Batch;
        Iterator(const char* at, const char* end);
        void read();

        const char* at_ = nullptr;    // the operation shown
        const char* next_ = nullptr;  // the one behind it
        const char* end_ = nullptr;
        Operation operation_;
    };
    Iterator begin() const { return {buffer_.data(), buffer_.data() + buffer_.size()}; }
    Iterator end() const {
        return {buffer_.data() + buffer_.size(), buffer_.data() + buffer_.size()};
    }

private:
    void add(Operation::Kind kind, Family family, std::string_view key, std::string_view value);

    std::string
        buffer_;  // kind, family, key length, value length (32 bit, native order), key, value
    std::size_t operations_ = 0;
};

}  // namespace twinhub::store
