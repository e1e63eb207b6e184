// The device door of a shard: connections, reports, reads.
#include "hub/configurations/shard_configurations.h"
#include "hub/off_loop.h"
#include "hub/shard.h"
#include "twin/view.h"

namespace twinhub::hub {
namespace {

// A stored last activity may be this old (spec twin-document 8).
constexpr std::chrono::seconds activity_resolution{60};

SessionEnd session_end_of(LinkEnd reason) {
    switch (reason) {
        case LinkEnd::taken_over: return SessionEnd::taken_over;
        case LinkEnd::disabled: return SessionEnd::disabled;
        case LinkEnd::deleted: return SessionEnd::deleted;
        case LinkEnd::credentials_changed: return SessionEnd::credentials_changed;
        case LinkEnd::shutting_down: return SessionEnd::server_stopped;
    }
    return SessionEnd::connection_lost;
}

}  // namespace

Task<Result<IdentityView>> Shard::identity(TwinId id) {
    // Whatever is on its way to disk has an entry; without one, the store knows it all.
    if (!entries_.contains(id) && !loading_.contains(id)) {
        std::optional<Result<Loaded>> stored = load_cached(id, Depth::identity);
        while (!stored) {
            const auto changes = [this] { return identities_changed_ + presences_saved_; };
            const std::uint64_t before = changes();
            auto read = [this, id] { return load_from_disk(id, Depth::identity); };
            Result<Loaded> late = co_await off_loop<Result<Loaded>>(parts_.pool, std::move(read));
            if (entries_.contains(id)) break;
            // What became durable meanwhile is newer than what was read.
            if (changes() == before) stored = std::move(late);
            else stored = load_cached(id, Depth::identity);
        }
        if (stored) {
            if (!*stored) {
                tell_damage(id, stored->error());
                co_return std::unexpected(stored->error());
            }
            const Loaded& known = **stored;
            if (!known.state.exists()) co_return std::unexpected(not_found(id));
            co_return IdentityView{known.state.identity,
                                   presence_of(id, latest_presence(id, known.presence))};
        }
    }
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->durable.exists()) co_return std::unexpected(not_found(id));
    co_return IdentityView{entry->durable.identity, presence_of(id, entry->presence)};
}

Task<Result<Claimant>> Shard::claimant(TwinId id) {
    const TwinId device_id{id.device, {}};
    if (!id.is_module()) {
        CO_TRY(IdentityView device, co_await identity(device_id));
        co_return Claimant{device, device.identity};
    }
    while (true) {
        // Both come into memory, so that in the end they can be looked at in one turn.
        CO_TRY(const EntryPtr device, co_await entry(device_id));
        if (!device->durable.exists()) co_return std::unexpected(not_found(device_id));
        CO_TRY(const EntryPtr module, co_await entry(id));
        if (!module->durable.exists()) co_return std::unexpected(not_found(id));
        // It may have left the memory while the module was read.
        if (find(device_id) != device) continue;
        co_return Claimant{{module->durable.identity, presence_of(id, module->presence)},
                           device->durable.identity};
    }
}

Attached Shard::attach(const IdentityView& known, DeviceLink& link, const AttachFacts& facts) {
    const Instant now = parts_.clock.now();
    const TwinId& id = known.identity->id;
    const EntryPtr entry = find(id);
    Presence presence = presence_of(id, known.presence);
    if (links_.contains(id)) connections_.end(id, presence.session, SessionEnd::taken_over, now);
    end_link(id, LinkEnd::taken_over);

    Attached attached;
    if (facts.clean_session ||
        (presence.session_expires != never && presence.session_expires < now)) {
        presence.subscriptions = 0;
        presence.methods.clear();
    } else if (presence.subscriptions != 0 || !presence.methods.empty()) {
        attached.session_present = true;
        attached.subscriptions = presence.subscriptions;
        attached.methods = presence.methods;
    }
    presence.messages = messages_.count(id);
    presence.configurations = configurations_->shown(id);
    presence.connected = true;
    presence.connection_state_updated = now;
    presence.last_activity = now;
    presence.session_expires = never;
    presence.session = connections_.begin(id, presence.session, facts, now);
    presence.certificate = {};
    if (const auto& shown = facts.credential.certificate;
        shown && facts.credential.kind == Credential::Kind::certificate)
        presence.certificate = {shown->leaf.sha256_thumbprint(), shown->leaf.not_after()};
    columns_.see(id, presence, entry.get());
    {
        const std::scoped_lock lock(shown_);
        links_[id] = Link{&link, facts.clean_session, presence, now, facts.credential, {}};
        if (entry) entry->presence = presence;
    }
    drift_.connection_changed(id, presence, entry.get());
    count_certificate(links_[id], 1);
    put_presence(id, presence);
    parts_.metrics.devices_connected.Increment();
    if (!facts.model_id.empty()) take_model(*known.identity, facts);
    return attached;
}

void Shard::take_model(const Identity& identity, const AttachFacts& facts) {
    // Nearly always it is the known one: no reason to read the twin.
    if (!entries_.contains(identity.id) && columns_.has_model(identity.id, facts.model_id)) return;
    with_entry(identity.id, [this, generation = identity.generation_id, model = facts.model_id,
                             client = facts.client](const Result<EntryPtr>& entry) {
        if (!entry) return;
        State next = (*entry)->newest;
        // While the twin was read, its device may have been deleted and made anew.
        if (!next.exists() || next.identity->generation_id != generation ||
            next.twin.model_id == model)
            return;
        ChangeRecord record;
        record.kind = ChangeKind::model;
        record.at = parts_.clock.now();
        record.author = {.cause = Cause::device, .client = client};
        record.detail = next.twin.model_id;
        record.detail += '\0';
        record.detail += model;
        next.twin.model_id = model;
        stage(*entry, std::move(next), std::move(record), nullptr);
    });
}

void Shard::detach(const TwinId& id, const DeviceLink& link, SessionEnd why) {
    const auto found = links_.find(id);
    if (found == links_.end() || found->second.link != &link) return;
    Presence presence = found->second.presence;
    count_certificate(found->second, -1);
    {
        const std::scoped_lock lock(shown_);
        links_.erase(found);
    }
    parts_.metrics.devices_connected.Decrement();
    messages_.let_go(id, link, true);
    const Instant now = parts_.clock.now();
    presence.connected = false;
    presence.connection_state_updated = now;
    presence.last_activity = now;
    presence.session_expires = now + parts_.settings.session_age;
    connections_.end(id, presence.session, why, now);
    const EntryPtr entry = find(id);
    if (entry) show(*entry, presence);
    else columns_.see(id, presence, nullptr);
    drift_.connection_changed(id, presence, entry.get());
    put_presence(id, presence);
}

void Shard::end_link(const TwinId& id, LinkEnd reason) {
    const auto found = links_.find(id);
    if (found == links_.end()) return;
    DeviceLink* link = found->second.link;
    Presence presence = found->second.presence;
    count_certificate(found->second, -1);
    {
        const std::scoped_lock lock(shown_);
        links_.erase(found);
    }
    parts_.metrics.devices_connected.Decrement();
    // That the hub ends is not the device's fault.
    messages_.let_go(id, *link, reason != LinkEnd::shutting_down);
    const Instant now = parts_.clock.now();
    if (reason != LinkEnd::taken_over)
        connections_.end(id, presence.session, session_end_of(reason), now);
    if (reason != LinkEnd::taken_over && reason != LinkEnd::deleted) {
        presence.connected = false;
        presence.connection_state_updated = now;
        presence.session_expires = now + parts_.settings.session_age;
        const EntryPtr entry = find(id);
        if (entry) show(*entry, presence);
        else columns_.see(id, presence, nullptr);
        drift_.connection_changed(id, presence, entry.get());
        put_presence(id, presence);
    }
    link->end(reason);
}

void Shard::subscriptions_changed(const TwinId& id, std::uint32_t subscriptions,
                                  std::vector<std::string> methods) {
    const auto link = links_.find(id);
    if (link == links_.end()) return;
    const Presence& known = link->second.presence;
    if (known.subscriptions == subscriptions && known.methods == methods) return;
    if (link->second.clean_session) return;  // ends with the connection
    {
        const std::scoped_lock lock(shown_);
        link->second.presence.subscriptions = subscriptions;
        link->second.presence.methods = std::move(methods);
    }
    put_presence(id, link->second.presence);
}

void Shard::note_activity(const TwinId& id) {
    const auto link = links_.find(id);
    if (link == links_.end()) return;
    const Instant now = parts_.clock.now();
    Presence presence = link->second.presence;
    presence.last_activity = now;
    columns_.see(id, presence, in_memory(id));
    {
        const std::scoped_lock lock(shown_);
        link->second.presence = presence;
    }
    if (now - link->second.persisted < activity_resolution) return;
    link->second.persisted = now;
    put_presence(id, link->second.presence);
}

void Shard::report(const TwinId& id, twin::Patch patch, std::optional<std::uint64_t> base_version,
                   const Author& author, ReportDone done) {
    const auto apply_to = [this, base_version](const EntryPtr& entry, const twin::Patch& what,
                                               const Author& who, ReportDone answer) {
        const auto refuse = [this, &entry, &answer](Error error) {
            parts_.metrics.twin_operation(Metrics::Side::device, Metrics::Operation::update, false);
            if (entry->pending == 0) return answer(std::unexpected(std::move(error)));
            // The reason may be a report that is not durable yet.
            queue_.on_settled(
                [error = std::move(error), to = std::move(answer)](const Result<>& result) mutable {
                    to(std::unexpected(result ? error : result.error()));
                });
        };
        if (!entry->newest.exists()) return refuse(not_found(entry->id));
        Result<twin::Applied> applied =
            twin::apply_report(entry->newest.twin, what, base_version, parts_.clock.now());
        if (!applied) return refuse(std::move(applied).error());
        const std::uint64_t version = applied->next.versions.reported;
        stage_twin(entry, std::move(*applied), who,
                   [this, version, answer = std::move(answer)](const Result<>& result) mutable {
                       parts_.metrics.twin_operation(
                           Metrics::Side::device, Metrics::Operation::update, result.has_value());
                       if (result) answer(version);
                       else answer(std::unexpected(result.error()));
                   });
    };
    if (const EntryPtr entry = find(id)) return apply_to(entry, patch, author, std::move(done));
    with_entry(id, [apply_to, what = std::move(patch), author,
                    answer = std::move(done)](Result<EntryPtr> entry) mutable {
        if (!entry) return answer(std::unexpected(std::move(entry).error()));
        apply_to(*entry, what, author, std::move(answer));
    });
}

void Shard::read(const TwinId& id, ReadDone done) {
    with_entry(id, [this, answer = std::move(done)](Result<EntryPtr> entry) mutable {
        if (!entry) return answer(std::unexpected(std::move(entry).error()));
        const auto give = [this, found = *entry](ReadDone& to) {
            const bool exists = found->durable.exists();
            parts_.metrics.twin_operation(Metrics::Side::device, Metrics::Operation::read, exists);
            if (!exists) return to(std::unexpected(not_found(found->id)));
            scratch_body_.clear();
            twin::append_device_view(scratch_body_, found->durable.twin);
            to(std::string_view(scratch_body_));
        };
        // With changes on their way, the answer waits its turn behind them: requests of one device
        // are answered in order, and a device sees its own reports.
        if ((*entry)->pending == 0) return give(answer);
        queue_.on_settled([give, to = std::move(answer)](const Result<>&) mutable { give(to); });
    });
}

}  // namespace twinhub::hub
