// What a shard does by itself: writes changed documents whole, forgets what nobody uses, drains.
#include "base/bytes.h"
#include "hub/changes/released.h"
#include "hub/configurations/shard_configurations.h"
#include "hub/history_retention.h"
#include "hub/shard.h"
#include "hub/slot_facts.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::hub {

using store::Family;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t checkpoint_slice = 256;  // documents written in one turn: about a millisecond
constexpr auto forget_every = 1s;
constexpr auto watermark_every = 1s;
constexpr auto presence_every = 1s;
constexpr std::size_t presence_slice = 1000;
constexpr auto retention_every = 1s;
constexpr auto unused_after = 30s;  // a clean twin nobody asked for leaves the memory
constexpr std::size_t forget_slice = 20'000;

}  // namespace

void Shard::tick() {
    const Moment now = parts_.clock.monotonic();
    if (!queue_.failing()) loss_told_ = false;
    checkpoint(false);
    drift_.tick();
    tell_expiry(now);
    live_.tick(now);
    calls_.tick();
    messages_.tick();
    feedback_.tick();
    configurations_->tick();
    if (now >= next_forget_) {
        next_forget_ = now + forget_every;
        fleet_queries_.tick(now);
        forget_unused();
    }
    // A fleet that comes back at once is written in slices, one a tick.
    if (now >= next_presence_ && save_presence(presence_slice))
        next_presence_ = now + presence_every;
    if (now >= next_watermark_) {
        next_watermark_ = now + watermark_every;
        put_watermarks();
        parts_.metrics.twins_changed.Increment(static_cast<double>(changed_.size()) -
                                               static_cast<double>(changed_shown_));
        changed_shown_ = changed_.size();
        parts_.metrics.twins_cached.Increment(static_cast<double>(entries_.size()) -
                                              static_cast<double>(cached_shown_));
        cached_shown_ = entries_.size();
        // A hub that takes no requests because its disk failed must find out that it is well again.
        if (queue_.failing() && queue_.idle()) put_counts(static_cast<Slot>(index_));
    }
    if (now >= next_retention_) {
        next_retention_ = now + retention_every;
        forget_changes();
        forget_sessions();
    }
}

void Shard::mark_changed(const EntryPtr& entry, std::uint64_t since) {
    entry->changed_since = since;
    entry->changed_at = parts_.clock.monotonic();
    changed_.insert(entry);
    checkpoint_queue_.push_back(entry);
}

void Shard::mark_whole(const EntryPtr& entry) {
    entry->changed_since = 0;
    changed_.erase(entry);
}

void Shard::checkpoint(bool all) {
    const Moment now = parts_.clock.monotonic();
    std::size_t written = 0;
    while (!checkpoint_queue_.empty() && written < checkpoint_slice) {
        const EntryPtr entry = checkpoint_queue_.front();
        const bool due = all || checkpoint_queue_.size() > parts_.settings.checkpoint_twins_max ||
                         now - entry->changed_at >= parts_.settings.checkpoint_age;
        if (!due) break;
        checkpoint_queue_.pop_front();
        if (entry->changed_since == 0) continue;
        if (!entry->durable.exists() && entry->pending == 0) {
            mark_whole(entry);
            continue;
        }
        // The newest state, not the durable one: what stands before this put in the log may have
        // written or removed the document already, and must not be undone by an older one.
        const State& newest = entry->newest;
        if (newest.exists()) put_twin(entry->id, newest);
        ++written;
        queue_.on_settled([this, entry, sequence = newest.sequence](const Result<>& result) {
            if (entry->changed_since == 0) return;
            if (result && entry->durable.sequence == sequence) mark_whole(entry);
            else mark_changed(entry, result ? sequence + 1 : entry->changed_since);
        });
    }
    if (written != 0) parts_.metrics.checkpoints.Increment(static_cast<double>(written));
}

void Shard::put_watermarks() {
    std::unordered_map<Slot, std::uint64_t> oldest;
    for (const EntryPtr& entry : changed_) {
        std::uint64_t& first =
            oldest.try_emplace(slot_of(entry->id.device), entry->changed_since).first->second;
        first = std::min(first, entry->changed_since);
    }
    for (const auto& [slot, durable] : durable_sequence_) {
        const auto first = oldest.find(slot);
        const std::uint64_t holds = first == oldest.end() ? durable : first->second - 1;
        if (holds <= checkpointed_[slot]) continue;
        const std::string key = checkpoint_key(slot);
        std::string body;
        std::string value;
        append_varint(body, holds);
        store::seal(store::Kind::checkpoint, checkpoint_format, key, body, value);
        queue_.batch().put(Family::metadata, key, value);
        // Only a stored mark lets go of the changes below it.
        queue_.on_settled([this, slot, holds](const Result<>& result) {
            if (result) checkpointed_[slot] = std::max(checkpointed_[slot], holds);
        });
    }
}

void Shard::put_counts(Slot slot) {
    const Counts& counts = slot_counts_[slot];
    const std::string key = counts_key(slot);
    std::string body;
    std::string value;
    append_encoded(body, counts);
    store::seal(store::Kind::hub_state, hub_state_format, key, body, value);
    queue_.batch().put(Family::metadata, key, value);
}

void Shard::forget_unused() {
    if (entries_.empty()) return;
    const std::size_t allowed = parts_.settings.cached_twins_max / count_;
    const bool crowded = entries_.size() > allowed;
    const Moment now = parts_.clock.monotonic();
    std::vector<TwinId> unused;
    // A few buckets a turn: a look at every entry would hold the loop too long.
    std::size_t looked = 0;
    for (std::size_t i = 0; i < entries_.bucket_count() && looked < forget_slice;
         ++i, ++forget_bucket_) {
        const std::size_t bucket = forget_bucket_ % entries_.bucket_count();
        for (auto entry = entries_.begin(bucket); entry != entries_.end(bucket);
             ++entry, ++looked) {
            const Entry& candidate = *entry->second;
            const bool clean = candidate.pending == 0 && candidate.changed_since == 0;
            if (clean &&
                (crowded || now - candidate.used.load(std::memory_order_relaxed) >= unused_after))
                unused.push_back(entry->first);
        }
        if (crowded && entries_.size() - unused.size() <= allowed) break;
    }
    for (const TwinId& id : unused) hide(id);
}

void Shard::forget_changes() {
    if (retention_running_) return;
    // The next slot of ours; one slot a turn keeps the work small and steady.
    if (!retention_stays_) {
        do retention_slot_ = static_cast<Slot>((retention_slot_ + 1) % slot_count);
        while (!owns(retention_slot_));
    }
    retention_stays_ = false;
    const auto stored = checkpointed_.find(retention_slot_);
    if (stored == checkpointed_.end()) return;
    RetentionJob job{.slot = retention_slot_,
                     .from = retention_from_[retention_slot_],
                     .last = std::min(stored->second, parts_.released.last(retention_slot_)),
                     .older_than = parts_.clock.now() - parts_.settings.history_age,
                     .keep_newest = parts_.settings.history_count};
    retention_running_ = true;
    asio::post(parts_.pool, [this, job] {
        asio::post(executor_, [this, slot = job.slot, found = find_expired(parts_.engine, job)] {
            if (!found) {
                retention_running_ = false;
                parts_.log.error("history.unreadable", {{"slot", slot},
                                                        {"what", found.error().message},
                                                        {"where", found.error().where}});
                return;
            }
            retention_from_[slot] = found->next;
            // As long as there is much to forget, go on at the next tick: a busy hub writes faster
            // than one look a second could follow.
            if (found->next != 0 && !found->expired.empty()) {
                retention_stays_ = true;
                next_retention_ = {};
            }
            if (found->expired.empty()) {
                retention_running_ = false;
                return;
            }
            store::Batch& batch = queue_.batch();
            for (const std::uint64_t sequence : found->expired)
                batch.remove(Family::changes, store::change_key(slot, sequence));
            for (const std::string& key : found->ended) batch.remove(Family::metadata, key);
            const std::string key = forgotten_key(slot);
            std::string body;
            std::string value;
            append_signed(body, found->forgotten_before.time_since_epoch().count());
            store::seal(store::Kind::hub_state, hub_state_format, key, body, value);
            batch.put(Family::metadata, key, value);
            // The next look must see what this one did.
            queue_.on_settled([this](const Result<>&) { retention_running_ = false; });
            parts_.metrics.changes_expired.Increment(static_cast<double>(found->expired.size()));
        });
    });
}

// A slot of the sessions that have ended, each second.
void Shard::forget_sessions() {
    if (sessions_running_) return;
    if (sessions_from_.empty()) {
        do sessions_slot_ = static_cast<Slot>((sessions_slot_ + 1) % slot_count);
        while (!owns(sessions_slot_));
    }
    sessions_running_ = true;
    connections_.begin_sweep();
    const Instant older_than = parts_.clock.now() - parts_.settings.connections.sessions_age;
    asio::post(parts_.pool, [this, slot = sessions_slot_, from = sessions_from_, older_than] {
        asio::post(executor_, [this, found = find_expired_sessions(parts_.engine, slot, from,
                                                                   older_than)]() mutable {
            sessions_running_ = false;
            sessions_from_.clear();
            const std::vector<std::string> old =
                connections_.end_sweep(found ? std::move(found->keys) : std::vector<std::string>{});
            if (!found) {
                parts_.log.error("sessions.unreadable",
                                 {{"what", found.error().message}, {"where", found.error().where}});
                return;
            }
            sessions_from_ = std::move(found->next);
            for (const std::string& key : old) queue_.batch().remove(Family::metadata, key);
        });
    });
}

Task<> Shard::drain() {
    for (const TwinId& id : connected()) end_link(id, LinkEnd::shutting_down);
    while (!save_presence(presence_slice) && co_await settled()) {}
    // In slices, so that no batch outgrows the committer's queue. What changes meanwhile is bounded
    // by what is here now: a busy device must not keep the hub from ending.
    for (std::size_t left = checkpoint_queue_.size() / checkpoint_slice + 1; left != 0; --left) {
        checkpoint(true);
        if (!co_await settled()) break;
    }
    put_watermarks();
    (void)co_await settled();
}

}  // namespace twinhub::hub
