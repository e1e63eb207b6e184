#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace twinhub::fleet {

// Plain values in one block of exactly the size asked for. Unlike a vector it grows by realloc,
// which for large blocks moves pages instead of bytes, and it keeps no capacity beside its size.
template <class T>
    requires std::is_trivially_copyable_v<T>
class Buffer {
public:
    Buffer() = default;
    Buffer(std::size_t size, T fill) { resize(size, fill); }
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](std::size_t index) { return data_[index]; }
    const T& operator[](std::size_t index) const { return data_[index]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }

    // What is new holds `fill`.
    void resize(std::size_t size, T fill) {
        const std::size_t before = size_;
        reallocate(size);
        if (size > before) std::fill(data_ + before, data_ + size, fill);
    }
    // What is new is not initialised.
    void reallocate(std::size_t size) {
        if (size == size_) return;
        if (size == 0) {
            std::free(std::exchange(data_, nullptr));
        } else {
            void* block = std::realloc(data_, size * sizeof(T));
            if (block == nullptr) throw std::bad_alloc();
            data_ = static_cast<T*>(block);
        }
        size_ = size;
    }
    std::size_t bytes() const { return size_ * sizeof(T); }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace twinhub::fleet
