#pragma once

#include "base/time.h"

#include <array>
#include <cstdint>

namespace twinhub::gateway {

// A thing that must be looked at when its time has come. Lives in at most one Deadlines; leaves by
// itself when destroyed.
class Deadline {
public:
    Deadline() = default;
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    virtual ~Deadline() { cancel(); }

    void cancel();
    bool scheduled() const { return next_ != nullptr; }

protected:
    // At or up to a second after the time; on the loop. May schedule, cancel or destroy itself or
    // others.
    virtual void expired(Moment now) = 0;

private:
    friend class Deadlines;
    Deadline* next_ = nullptr;
    Deadline* previous_ = nullptr;
    std::int64_t at_second_ = 0;
};

// All deadlines of a loop: a wheel of seconds, so that tens of thousands of keep-alives cost
// nothing until they end (targets T12, T14). Not a clock: the loop tells it the time.
class Deadlines {
public:
    explicit Deadlines(Moment now);
    ~Deadlines();
    Deadlines(const Deadlines&) = delete;
    Deadlines& operator=(const Deadlines&) = delete;

    // Replaces an earlier schedule of the same deadline.
    void schedule(Deadline& deadline, Moment at);
    // Fires what is due. Call about once a second.
    void advance(Moment now);

private:
    struct Head final : Deadline {
        void expired(Moment) override {}
    };
    static constexpr std::size_t slots = 1024;
    static std::int64_t second_of(Moment at);
    static void link(Head& head, Deadline& deadline);

    std::array<Head, slots> wheel_;
    std::int64_t current_;
};

}  // namespace twinhub::gateway
