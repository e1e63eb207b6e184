#include "gateway/sinks/sink_journal.h"

namespace twinhub::gateway {
namespace {

constexpr std::chrono::minutes between_lines{1};

}  // namespace

SinkJournal::SinkJournal(std::string name, SinkMetrics& metrics, Log& log)
    : name_(std::move(name)),
      log_(log),
      handed_(metrics.handed.Add({{"sink", name_}})),
      lost_(metrics.lost.Add({{"sink", name_}})),
      failures_(metrics.failures.Add({{"sink", name_}})),
      gauge_(metrics.waiting.Add({{"sink", name_}})) {}

void SinkJournal::taken() {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    gauge_.Increment();
}

void SinkJournal::left(std::size_t messages) {
    waiting_.fetch_sub(messages, std::memory_order_relaxed);
    gauge_.Decrement(static_cast<double>(messages));
}

void SinkJournal::handed(std::size_t messages) {
    left(messages);
    handed_.Increment(static_cast<double>(messages));
}

void SinkJournal::gave_up(std::size_t messages, std::string_view why, Moment now) {
    if (messages == 0) return;
    left(messages);
    lost(messages, why, now);
}

void SinkJournal::turned_away(std::size_t messages, Moment now) {
    if (messages != 0) lost(messages, "too many wait", now);
}

void SinkJournal::lost(std::size_t messages, std::string_view why, Moment now) {
    lost_.Increment(static_cast<double>(messages));
    lost_unsaid_ += messages;
    if (now < next_loss_) return;
    log_.error("sink.lost", {{"sink", name_}, {"messages", lost_unsaid_}, {"why", why}});
    lost_unsaid_ = 0;
    next_loss_ = now + between_lines;
}

void SinkJournal::failed(std::string_view what, Moment now) {
    failures_.Increment();
    ++failures_unsaid_;
    if (now < next_failure_) return;
    log_.warn("sink.failed", {{"sink", name_}, {"times", failures_unsaid_}, {"what", what}});
    failures_unsaid_ = 0;
    next_failure_ = now + between_lines;
}

void SinkJournal::look_at(const hub::DeviceEvents::Subscription& subscription, Moment now) {
    const std::uint64_t dropped = subscription.lost();
    turned_away(dropped - dropped_seen_, now);
    dropped_seen_ = dropped;
}

}  // namespace twinhub::gateway
