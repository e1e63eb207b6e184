#include "hub/messages/feedback_queue.h"

#include "store/keys.h"
#include "store/record.h"

#include <algorithm>

namespace twinhub::hub {

using store::Family;
using namespace std::chrono_literals;

namespace {

constexpr auto look_every = 1s;

}  // namespace

std::string_view name_of(MessageEnd end) {
    switch (end) {
        case MessageEnd::completed: return "Success";
        case MessageEnd::expired: return "Expired";
        case MessageEnd::delivery_count_exceeded: return "DeliveryCountExceeded";
        case MessageEnd::rejected: return "Rejected";
        case MessageEnd::purged: return "Purged";
    }
    return "Purged";
}

Result<> FeedbackQueue::recover(Slot slot, const store::Engine& engine) {
    const auto cursor = engine.scan(Family::metadata, feedback_range(slot));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto sequence = parse_feedback_key(cursor->key());
        const auto opened = store::open(store::Kind::feedback, feedback_format, "metadata",
                                        cursor->key(), cursor->value());
        auto stored = opened ? decode_feedback(opened->body)
                             : Result<StoredFeedback>(std::unexpected(opened.error()));
        // News that cannot be read must not keep the hub from starting.
        if (!sequence || !stored) {
            parts_.metrics.records_damaged.Increment();
            parts_.log.error("store.record_damaged",
                             {{"what", "A feedback record cannot be read"},
                              {"where", "metadata/" + store::printable(cursor->key())}});
            if (sequence) last_sequence_[slot] = *sequence;
            continue;
        }
        last_sequence_[slot] = *sequence;
        const Place place{stored->record.at, ++arrivals_};
        records_.emplace(place, Record{std::move(*stored), slot, *sequence, State::waiting});
    }
    TRY_VOID(cursor->status());
    counted();
    return {};
}

void FeedbackQueue::put(const Record& record) {
    const std::string key = feedback_key(record.slot, record.sequence);
    std::string body;
    std::string value;
    append_encoded(body, record.stored);
    store::seal(store::Kind::feedback, feedback_format, key, body, value);
    parts_.commits.batch().put(Family::metadata, key, value);
}

void FeedbackQueue::stage(FeedbackRecord record) {
    const std::size_t allowed =
        std::max<std::size_t>(1, parts_.settings.feedback_max / parts_.shards);
    if (records_.size() >= allowed) {
        const auto oldest = std::ranges::find(records_, State::waiting,
                                              [](const auto& entry) { return entry.second.state; });
        if (oldest != records_.end()) {
            parts_.metrics.feedback_dropped.Increment();
            remove(oldest->first, oldest->second);
        }
    }
    const Slot slot = slot_of(record.device);
    const Instant expires = record.at + parts_.settings.feedback_age;
    const Place place{record.at, ++arrivals_};
    const Record& made = records_
                             .emplace(place, Record{{std::move(record), expires, 0},
                                                    slot,
                                                    ++last_sequence_[slot],
                                                    State::staged})
                             .first->second;
    put(made);
    parts_.commits.on_settled([this, place](const Result<>& result) {
        const auto found = records_.find(place);
        if (found == records_.end()) return;
        if (!result) {
            records_.erase(found);
        } else if (found->second.state == State::staged) {
            found->second.state = State::waiting;
            parts_.signal->raise();
        }
        counted();
    });
}

void FeedbackQueue::remove(Place place, Record& record) {
    record.state = State::ending;
    parts_.commits.batch().remove(Family::metadata, feedback_key(record.slot, record.sequence));
    parts_.commits.on_settled([this, place](const Result<>& result) {
        const auto found = records_.find(place);
        if (found == records_.end()) return;
        if (result) {
            records_.erase(found);
        } else {
            found->second.state = State::waiting;
            parts_.signal->raise();
        }
        counted();
    });
}

void FeedbackQueue::lock(FeedbackBatch& batch, std::size_t count_max) {
    const Instant now = parts_.clock.now();
    Lock taken;
    for (auto& [place, record] : records_) {
        if (taken.places.size() == count_max) break;
        if (record.state != State::waiting || record.stored.expires <= now) continue;
        record.state = State::locked;
        taken.places.push_back(place);
        batch.records.push_back(record.stored.record);
        batch.delivery_count = std::max(batch.delivery_count, record.stored.delivery_count);
    }
    if (taken.places.empty()) return;
    taken.ends = parts_.clock.monotonic() + parts_.settings.message_lock;
    locks_.insert_or_assign(batch.lock_token, std::move(taken));
}

void FeedbackQueue::settle(std::string_view lock_token, Outcome outcome, SettleDone done) {
    auto found = locks_.extract(std::string(lock_token));
    if (found.empty())
        return done(failure(Code::message_lock_lost, "The lock is not held (any more)"));
    if (outcome == Outcome::abandon) {
        give_back(found.mapped());
    } else {
        for (const Place place : found.mapped().places)
            if (const auto record = records_.find(place); record != records_.end())
                remove(place, record->second);
    }
    parts_.commits.on_settled(std::move(done));
}

// Counts the delivery that came to nothing; what was given out too often is dropped.
void FeedbackQueue::give_back(const Lock& lock) {
    bool any = false;
    for (const Place place : lock.places) {
        const auto found = records_.find(place);
        if (found == records_.end()) continue;
        Record& record = found->second;
        record.state = State::waiting;
        if (++record.stored.delivery_count >= parts_.settings.message_deliveries_max) {
            parts_.metrics.feedback_dropped.Increment();
            remove(place, record);
        } else {
            put(record);
            any = true;
        }
    }
    if (any) parts_.signal->raise();
}

void FeedbackQueue::tick() {
    const Moment now = parts_.clock.monotonic();
    if (now < next_look_) return;
    next_look_ = now + look_every;
    for (auto lock = locks_.begin(); lock != locks_.end();) {
        if (lock->second.ends > now) {
            ++lock;
            continue;
        }
        const Lock ended = std::move(lock->second);
        lock = locks_.erase(lock);
        give_back(ended);
    }
    const Instant today = parts_.clock.now();
    for (auto& [place, record] : records_) {
        if (record.stored.expires > today || record.state != State::waiting) continue;
        parts_.metrics.feedback_dropped.Increment();
        remove(place, record);
    }
}

void FeedbackQueue::counted() {
    parts_.metrics.feedback_waiting.Increment(static_cast<double>(records_.size()) -
                                              static_cast<double>(shown_));
    shown_ = records_.size();
}

}  // namespace twinhub::hub
