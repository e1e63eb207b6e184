#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace twinhub {

// An immutable value that any thread reads while another one swaps it whole, as a reload does.
//
// In the place of std::atomic<std::shared_ptr<T>>: the one of libstdc++ 12 keeps its lock in a bit
// of the pointer and releases it with a relaxed store after a read, which ThreadSanitizer reports
// with reason. It spins on that bit; a mutex costs a reader no more.
template <class T>
class SharedValue {
public:
    SharedValue() = default;
    explicit SharedValue(std::shared_ptr<T> value) : value_(std::move(value)) {}

    std::shared_ptr<T> load() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    // What was there before is destroyed behind the lock.
    void store(std::shared_ptr<T> next) {
        const std::lock_guard lock(mutex_);
        value_.swap(next);
    }
    // Stores what `change` makes of the pointer to the value, with nobody in between.
    template <class Change>
    void update(Change change) {
        std::shared_ptr<T> old;
        const std::lock_guard lock(mutex_);
        old = std::exchange(value_, std::shared_ptr<T>(change(std::as_const(value_))));
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<T> value_;
};

}  // namespace twinhub
