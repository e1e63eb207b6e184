#include "gateway/mqtt/failing_reads.h"

#include <utility>

namespace twinhub::gateway::mqtt {

void FailingReads::failed(std::uint64_t number, Answer answer, Deadlines& deadlines, Moment now) {
    if (!std::exchange(failed_before_, true)) return give_(number, std::move(answer));
    held_.push_back({number, std::move(answer), now + delay});
    deadlines_ = &deadlines;
    if (!scheduled()) deadlines.schedule(*this, held_.front().due);
}

void FailingReads::stop() {
    cancel();
    held_.clear();
}

void FailingReads::expired(Moment now) {
    while (!held_.empty() && held_.front().due <= now) {
        Held held = std::move(held_.front());
        held_.pop_front();
        give_(held.number, std::move(held.answer));
    }
    if (!held_.empty() && !scheduled()) deadlines_->schedule(*this, held_.front().due);
}

}  // namespace twinhub::gateway::mqtt
