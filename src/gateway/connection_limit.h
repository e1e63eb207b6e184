#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace twinhub::gateway {

// What the listeners count. Made in apps/, shared by all loops.
struct ListenerMetrics {
    explicit ListenerMetrics(prometheus::Registry& registry);

    prometheus::Gauge& open;  // sockets, those in their handshake included
    prometheus::Counter& accepted;
    prometheus::Counter& refused;            // because the limit was reached
    prometheus::Counter& handshakes_failed;  // by the peer, or too slow
    prometheus::Counter& accept_failures;    // the system had no descriptor, say
};

// How many connections the process holds, and may. Counts sockets from accept to close, so that a
// peer in its handshake takes a place like any other. Any thread; outlives its places.
class ConnectionLimit {
public:
    // One connection's share; gives itself back.
    class Place {
    public:
        Place() = default;
        explicit Place(ConnectionLimit& limit) : limit_(&limit) {}
        Place(Place&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
        Place& operator=(Place&& other) noexcept {
            std::swap(limit_, other.limit_);
            return *this;
        }
        ~Place() { give_back(); }
        void give_back() {
            if (ConnectionLimit* limit = std::exchange(limit_, nullptr)) limit->leave();
        }

    private:
        ConnectionLimit* limit_ = nullptr;
    };

    // Without a gauge it only counts.
    explicit ConnectionLimit(std::size_t max, prometheus::Gauge* shown = nullptr)
        : max_(max), shown_(shown) {}
    ConnectionLimit(const ConnectionLimit&) = delete;
    ConnectionLimit& operator=(const ConnectionLimit&) = delete;

    // Nothing when all places are taken.
    std::optional<Place> take() {
        if (open_.fetch_add(1, std::memory_order_relaxed) >= max_) {
            open_.fetch_sub(1, std::memory_order_relaxed);
            return std::nullopt;
        }
        if (shown_ != nullptr) shown_->Increment();
        return Place(*this);
    }
    std::size_t open() const { return open_.load(std::memory_order_relaxed); }

private:
    void leave() {
        open_.fetch_sub(1, std::memory_order_relaxed);
        if (shown_ != nullptr) shown_->Decrement();
    }

    std::atomic<std::size_t> open_ = 0;
    const std::size_t max_;
    prometheus::Gauge* shown_;
};

}  // namespace twinhub::gateway
