#include "gateway/deadlines.h"

#include <algorithm>

namespace twinhub::gateway {

void Deadline::cancel() {
    if (next_ == nullptr) return;
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = nullptr;
}

Deadlines::Deadlines(Moment now) : current_(second_of(now)) {
    for (Head& head : wheel_) head.next_ = head.previous_ = &head;
}

Deadlines::~Deadlines() {
    for (Head& head : wheel_) {
        while (head.next_ != &head) head.next_->cancel();
        head.next_ = head.previous_ = nullptr;
    }
}

std::int64_t Deadlines::second_of(Moment at) {
    return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

void Deadlines::link(Head& head, Deadline& deadline) {
    deadline.previous_ = head.previous_;
    deadline.next_ = &head;
    head.previous_->next_ = &deadline;
    head.previous_ = &deadline;
}

void Deadlines::schedule(Deadline& deadline, Moment at) {
    deadline.cancel();
    // Rounded up: never early. In the past means: at the next advance.
    deadline.at_second_ = std::max(second_of(at) + 1, current_ + 1);
    link(wheel_[static_cast<std::size_t>(deadline.at_second_) % slots], deadline);
}

void Deadlines::advance(Moment now) {
    const std::int64_t target = second_of(now);
    while (current_ < target) {
        ++current_;
        Head& head = wheel_[static_cast<std::size_t>(current_) % slots];
        // Taken out first: what fires may schedule into this very slot, a turn of the wheel later.
        Head due;
        due.next_ = due.previous_ = &due;
        while (head.next_ != &head) {
            Deadline& deadline = *head.next_;
            deadline.cancel();
            link(due, deadline);
        }
        while (due.next_ != &due) {
            Deadline& deadline = *due.next_;
            deadline.cancel();
            if (deadline.at_second_ <= current_) deadline.expired(now);
            else link(head, deadline);
        }
        due.next_ = due.previous_ = nullptr;
    }
}

}  // namespace twinhub::gateway
