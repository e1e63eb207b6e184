// How a shard changes things: against the newest state, visible when durable.
#include "hub/configurations/shard_configurations.h"
#include "hub/secrets.h"
#include "hub/shard.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr std::size_t sessions_slice = 1000;  // written in one turn

}  // namespace

void Shard::show(Entry& entry, State state) {
    const Presence presence = presence_of(entry.id, entry.presence);
    if (entry.durable.exists() && !state.exists()) drift_.leaving(entry);
    columns_.commit(entry, state, presence);
    fleet_queries_.changed(entry.id);
    if (state.exists()) drift_.committed(entry, state, presence);
    if (state.identity != entry.durable.identity) ++identities_changed_;
    for (TwinWatch* watch : parts_.watches) watch->twin_changed(entry.id, entry.durable, state);
    const std::scoped_lock lock(shown_);
    entry.durable = std::move(state);
}

void Shard::show(Entry& entry, const Presence& presence) {
    columns_.see(entry.id, presence, &entry);
    const std::scoped_lock lock(shown_);
    entry.presence = presence;
}

void Shard::hide(const TwinId& id) {
    const std::scoped_lock lock(shown_);
    entries_.erase(id);
}

std::uint64_t Shard::next_sequence(Slot slot) { return ++last_sequence_[slot]; }

void Shard::stage(const EntryPtr& entry, State next, ChangeRecord record, Settled settled,
                  Document document) {
    const Slot slot = slot_of(entry->id.device);
    const std::uint64_t sequence = next_sequence(slot);
    record.id = entry->id;
    record.ordinal = entry->newest.ordinal + 1;
    record.previous = entry->newest.sequence;
    next.sequence = sequence;
    next.ordinal = record.ordinal;
    if (record.kind == ChangeKind::twin)
        next.drift = drift_judge_.next(entry->id, entry->newest, next.twin, record.change);
    else if (next.exists()) next.drift = drift_judge_.known(entry->id, next);

    scratch_key_.clear();
    scratch_body_.clear();
    scratch_value_.clear();
    store::append_change_key(scratch_key_, slot, sequence);
    append_encoded(scratch_body_, record);
    store::seal(store::Kind::change, change_record_format, scratch_key_, scratch_body_,
                scratch_value_);
    queue_.batch().put(Family::changes, scratch_key_, scratch_value_);

    // Too many documents live in the log alone: write this one at once, so that their number
    // (memory now, time at the next start) stays bounded.
    const bool crowded = changed_.size() >= parts_.settings.checkpoint_twins_max * std::size_t{2};
    if (document == Document::in_log && crowded && next.exists()) {
        put_twin(entry->id, next);
        document = Document::written;
    }

    if (entry->pending++ == 0) pending_.insert(entry.get());
    entry->newest = next;
    if (!entries_.contains(entry->id)) {
        const std::scoped_lock lock(shown_);
        entries_.emplace(entry->id, entry);
    }
    queue_.on_settled([this, entry, slot, document, state = std::move(next),
                       done = std::move(settled)](const Result<>& result) mutable {
        if (!result) {
            if (done) done(result);
            return;
        }
        durable_sequence_[slot] = state.sequence;
        if (--entry->pending == 0) pending_.erase(entry.get());
        const std::uint64_t sequence_now = state.sequence;
        show(*entry, std::move(state));
        if (!entry->durable.exists()) {
            // Deleted: nothing newer may have been staged on it except a re-creation, which is
            // whole.
            if (!entry->newest.exists()) hide(entry->id);
        } else if (document == Document::written) {
            if (entry->changed_since != 0 && entry->pending == 0) mark_whole(entry);
        } else if (entry->changed_since == 0) {
            mark_changed(entry, sequence_now);
        }
        if (done) done(result);
    });
}

void Shard::take_back(const Error& why) {
    for (Entry* entry : pending_) {
        entry->newest = entry->durable;
        entry->pending = 0;
        if (!entry->durable.exists()) hide(entry->id);
    }
    pending_.clear();
    for (auto& [slot, last] : last_sequence_) last = durable_sequence_[slot];
    slot_counts_ = durable_slot_counts_;
    // Once for each time of trouble: with a full disk every commit is lost.
    if (std::exchange(loss_told_, true)) return;
    parts_.log.error("hub.commit_lost",
                     {{"shard", index_}, {"what", why.message}, {"where", why.where}});
}

void Shard::stage_twin(const EntryPtr& entry, twin::Applied applied, const Author& author,
                       Settled settled) {
    State next = entry->newest;
    next.twin = std::move(applied.next);
    ChangeRecord record;
    record.kind = ChangeKind::twin;
    record.at = applied.change.at;
    record.author = author;
    record.change = std::move(applied.change);
    parts_.metrics.sections_written(record.change, next.twin);
    stage(entry, std::move(next), std::move(record),
          [this, id = entry->id, notification = std::move(applied.notification),
           done = std::move(settled)](const Result<>& result) mutable {
              if (result && notification) notify(id, *notification);
              done(result);
          });
}

void Shard::notify(const TwinId& id, const twin::Notification& notification) {
    const auto link = links_.find(id);
    if (link == links_.end()) return parts_.metrics.notifications_missed.Increment();
    link->second.link->desired_changed(notification.version, notification.body);
}

void Shard::put_identity(const Identity& identity) {
    const std::string key = store::twin_key(identity.id);
    std::string body;
    std::string value;
    append_encoded(body, identity);
    store::seal(store::Kind::identity, identity_format, key, body, value);
    queue_.batch().put(Family::identities, key, value);
}

void Shard::put_twin(const TwinId& id, const State& state) {
    scratch_key_.clear();
    scratch_body_.clear();
    scratch_value_.clear();
    store::append_twin_key(scratch_key_, id);
    append_twin_record(scratch_body_, state);
    store::seal(store::Kind::twin, twin_record_format, scratch_key_, scratch_body_, scratch_value_);
    queue_.batch().put(Family::twins, scratch_key_, scratch_value_);
}

// Presence is news, not a promise: it waits for company, so that a fleet that comes back does not
// cost a sync for each device.
void Shard::put_presence(const TwinId& id, const Presence& presence) {
    // What is being deleted must not leave this behind.
    if (const EntryPtr entry = find(id); entry && !entry->newest.exists()) return;
    presence_unsaved_[id] = presence;
}

bool Shard::save_presence(std::size_t count_max) {
    if (presence_unsaved_.empty() && !connections_.has_rows()) return true;
    Presences& saved = presence_on_its_way_.emplace_back();
    for (; !presence_unsaved_.empty() && count_max > 0; --count_max) {
        const auto next = saved.insert(presence_unsaved_.extract(presence_unsaved_.begin()));
        const auto& [id, presence] = *next.position;
        const std::string key = store::metadata_key(store::Area::presence, store::twin_key(id));
        scratch_body_.clear();
        scratch_value_.clear();
        append_encoded(scratch_body_, presence);
        store::seal(store::Kind::hub_state, hub_state_format, key, scratch_body_, scratch_value_);
        queue_.batch().put(Family::metadata, key, scratch_value_);
    }
    // Until the store has it, this is the only place where a session that goes on is known.
    queue_.on_settled([this, rows = connections_.put(queue_.batch(), sessions_slice)](
                          const Result<>& result) mutable {
        if (!result) {
            presence_unsaved_.merge(presence_on_its_way_.front());  // nothing newer is lost
            connections_.again(std::move(rows));
        }
        presence_on_its_way_.pop_front();
        ++presences_saved_;
    });
    return presence_unsaved_.empty() && !connections_.has_rows();
}

Presence Shard::latest_presence(const TwinId& id, const Presence& stored) const {
    const auto newest = [&]() -> const Presence& {
        const auto unsaved = presence_unsaved_.find(id);
        if (unsaved != presence_unsaved_.end()) return unsaved->second;
        for (auto slice = presence_on_its_way_.rbegin(); slice != presence_on_its_way_.rend();
             ++slice)
            if (const auto found = slice->find(id); found != slice->end()) return found->second;
        return stored;
    };
    Presence presence = newest();
    presence.messages = messages_.count(id);
    presence.configurations = configurations_->shown(id);
    return presence;
}

Task<Result<>> Shard::settled() {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
        [this](auto handler) {
            queue_.on_settled(
                [h = std::move(handler)](const Result<>& result) mutable { std::move(h)(result); });
        },
        asio::use_awaitable);
}

// What to answer to a request that cannot be done. The reason may be a change that is not durable
// yet: then that comes first, and when it is lost, the loss is the answer.
Task<Error> Shard::refusal(EntryPtr entry, Error error) {
    if (entry->pending == 0) co_return error;
    const Result<> result = co_await settled();
    co_return result ? error : result.error();
}

Task<Result<TwinView>> Shard::view(TwinId id) {
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    const bool found = entry->durable.exists();
    parts_.metrics.twin_operation(Metrics::Side::service, Metrics::Operation::read, found);
    if (!found) co_return std::unexpected(not_found(TwinId{id.device, {}}));
    co_return TwinView{entry->durable.identity, entry->durable.twin,
                       presence_of(id, entry->presence)};
}

std::optional<TwinView> Shard::shown_view(const TwinId& id) const {
    std::optional<TwinView> view;
    {
        const std::scoped_lock lock(shown_);
        const auto found = entries_.find(id);
        if (found == entries_.end() || !found->second->durable.exists()) return std::nullopt;
        Entry& entry = *found->second;
        entry.used.store(parts_.clock.monotonic(), std::memory_order_relaxed);
        view.emplace(entry.durable.identity, entry.durable.twin, presence_of(id, entry.presence));
    }
    parts_.metrics.twin_operation(Metrics::Side::service, Metrics::Operation::read, true);
    return view;
}

Task<Result<TwinView>> Shard::update_twin(TwinId id, twin::ServiceUpdate update, twin::Match match,
                                          Author author) {
    const auto refuse = [this](Error error) {
        parts_.metrics.twin_operation(Metrics::Side::service, Metrics::Operation::update, false);
        return std::unexpected(std::move(error));
    };
    if (Result<> checked = check_secrets(parts_.settings, update); !checked)
        co_return refuse(std::move(checked).error());
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->newest.exists())
        co_return refuse(co_await refusal(entry, not_found(TwinId{id.device, {}})));
    if (!match.matches(entry->newest.twin.etag())) {
        Error error{Code::precondition_failed,
                    "The twin's etag does not match: it is at version " +
                        std::to_string(entry->newest.twin.versions.version),
                    {}};
        co_return refuse(co_await refusal(entry, std::move(error)));
    }
    Result<twin::Applied> applied =
        twin::apply(entry->newest.twin, std::move(update), parts_.clock.now());
    if (!applied) co_return refuse(co_await refusal(entry, std::move(applied).error()));
    // What this request made, whatever comes on top of it before it is durable.
    TwinView view{entry->newest.identity, applied->next, presence_of(id, entry->presence)};
    if (!applied->change.empty())
        stage_twin(entry, std::move(*applied), author, [](const Result<>&) {});
    const Result<> result = co_await settled();
    if (!result) co_return refuse(result.error());
    parts_.metrics.twin_operation(Metrics::Side::service, Metrics::Operation::update, true);
    co_return view;
}

Task<Result<TwinView>> Shard::reset_twin(TwinId id, twin::ServiceUpdate initial, Author author) {
    CO_TRY_VOID(check_secrets(parts_.settings, initial));
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->newest.exists()) co_return std::unexpected(co_await refusal(entry, not_found(id)));
    Result<twin::Applied> applied =
        twin::apply_reset(entry->newest.twin, std::move(initial), parts_.clock.now());
    if (!applied) co_return std::unexpected(co_await refusal(entry, std::move(applied).error()));
    TwinView view{entry->newest.identity, applied->next, presence_of(id, entry->presence)};
    stage_twin(entry, std::move(*applied), author, [](const Result<>&) {});
    CO_TRY_VOID(co_await settled());
    co_return view;
}

}  // namespace twinhub::hub
