// Identities on their shard: created, replaced and removed one after the other for each device.
#include "hub/history/change_log.h"
#include "hub/identity_rules.h"
#include "hub/secrets.h"
#include "hub/shard.h"
#include "twin/codec.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>

namespace twinhub::hub {

using store::Family;

namespace {

// The names of what differs, for the history: never a key.
std::string changed_fields(const Identity& before, const Identity& after) {
    std::string names;
    const auto add = [&](bool differs, std::string_view name) {
        if (!differs) return;
        if (!names.empty()) names += ' ';
        names += name;
    };
    add(before.status != after.status,
        after.status == Status::disabled ? "status=disabled" : "status=enabled");
    add(before.status_reason != after.status_reason, "statusReason");
    add(before.authentication.type != after.authentication.type, "authentication.type");
    add(before.authentication.primary_key != after.authentication.primary_key,
        "authentication.symmetricKey.primaryKey");
    add(before.authentication.secondary_key != after.authentication.secondary_key,
        "authentication.symmetricKey.secondaryKey");
    add(before.authentication.primary_thumbprint != after.authentication.primary_thumbprint,
        "authentication.x509Thumbprint.primaryThumbprint");
    add(before.authentication.secondary_thumbprint != after.authentication.secondary_thumbprint,
        "authentication.x509Thumbprint.secondaryThumbprint");
    add(before.iot_edge != after.iot_edge, "capabilities.iotEdge");
    add(before.device_scope != after.device_scope, "deviceScope");
    add(before.parent_scopes != after.parent_scopes, "parentScopes");
    add(before.managed_by != after.managed_by, "managedBy");
    return names;
}

const char* const system_modules[] = {"$edgeAgent", "$edgeHub"};

Error exists_already(const TwinId& id) {
    return id.is_module()
               ? Error{Code::module_already_exists,
                       "A module with ID '" + id.module.text() +
                           "' is already registered on device '" + id.device.text() + "'.",
                       {}}
               : Error{Code::device_already_exists,
                       "A device with ID '" + id.device.text() + "' is already registered.",
                       {}};
}

}  // namespace

void Shard::count(const Identity& identity, std::int64_t by) {
    const Slot slot = slot_of(identity.id.device);
    // The stored counts follow the open batch; what is shown follows what is durable.
    const auto member = identity.id.is_module()              ? &Counts::modules
                        : identity.status == Status::enabled ? &Counts::enabled
                                                             : &Counts::disabled;
    slot_counts_[slot].*member += static_cast<std::uint64_t>(by);
    parts_.identities.fetch_add(static_cast<std::uint64_t>(by), std::memory_order_relaxed);
    put_counts(slot);
    queue_.on_settled([this, slot, member, by](const Result<>& result) {
        if (!result) {
            parts_.identities.fetch_sub(static_cast<std::uint64_t>(by), std::memory_order_relaxed);
            return;
        }
        durable_slot_counts_[slot].*member += static_cast<std::uint64_t>(by);
        counts_.*member += static_cast<std::uint64_t>(by);
    });
}

// Loops look at the sum at the same time without waiting for each other, so it may go beyond the
// limit by what they create in the same instant.
Result<> Shard::check_room(std::uint64_t wanted) const {
    const std::uint64_t max = parts_.settings.identities_max;
    if (max == 0 || parts_.identities.load(std::memory_order_relaxed) + wanted <= max) return {};
    return failure(Code::too_many_devices, "The hub has no room for more: its limit is " +
                                               std::to_string(max) + " devices and modules");
}

void Shard::counted(bool success) {
    if (success) parts_.metrics.identity_operations.Increment();
    else parts_.metrics.identity_refusals.Increment();
}

Birth Shard::birth() {
    const Instant now = parts_.clock.now();
    last_born_ = std::max(now, last_born_ + Ticks{1});
    return {now, last_born_};
}

// What was loaded before a wait may have left the memory and come back as another object since.
EntryPtr Shard::current(const EntryPtr& loaded) {
    EntryPtr entry = find(loaded->id);
    return entry ? entry : loaded;
}

// An entry for an identity that is known not to exist, or the one at hand.
EntryPtr Shard::entry_or_new(const TwinId& id) {
    EntryPtr entry = find(id);
    return entry ? entry : std::make_shared<Entry>(id);
}

void Shard::stage_created(const EntryPtr& entry, Identity identity, twin::Twin twin,
                          Content content, Instant now, const Author& author) {
    put_identity(identity);
    count(identity, 1);
    State next;
    next.identity = std::make_shared<const Identity>(std::move(identity));
    next.twin = std::move(twin);
    next.drift = drift_judge_.first(entry->id, next.twin);
    ChangeRecord record;
    record.kind = ChangeKind::created;
    record.at = now;
    record.author = author;
    if (content == Content::initial) twin::append_encoded(record.detail, next.twin);
    // A new life begins a new chain of changes.
    entry->newest = State{};
    State whole = next;
    whole.ordinal = 1;
    whole.sequence = last_sequence_[slot_of(entry->id.device)] + 1;
    put_twin(entry->id, whole);
    stage(entry, std::move(next), std::move(record), nullptr, Document::written);
}

void Shard::stage_identity(const EntryPtr& entry, Identity next_identity, std::string detail,
                           const Author& author) {
    put_identity(next_identity);
    State next = entry->newest;
    if (next.identity->status != next_identity.status) {
        count(*next.identity, -1);
        count(next_identity, 1);
    }
    next.identity = std::make_shared<const Identity>(std::move(next_identity));
    ChangeRecord record;
    record.kind = ChangeKind::identity;
    record.at = parts_.clock.now();
    record.author = author;
    record.detail = std::move(detail);
    record.identity_before = entry->newest.identity;
    stage(entry, std::move(next), std::move(record), nullptr);
}

void Shard::stage_removed(const EntryPtr& entry, const Author& author) {
    count(*entry->newest.identity, -1);
    const std::string key = store::twin_key(entry->id);
    store::Batch& batch = queue_.batch();
    batch.remove(Family::identities, key);
    batch.remove(Family::twins, key);
    presence_unsaved_.erase(entry->id);
    batch.remove(Family::metadata, store::metadata_key(store::Area::presence, key));
    batch.remove(Family::metadata, store::metadata_key(store::Area::applied, key));
    if (!entry->id.is_module()) messages_.remove_all(entry->id);
    ChangeRecord record;
    record.kind = ChangeKind::deleted;
    record.at = parts_.clock.now();
    record.author = author;
    // From here history goes back into the life that ends, and it finds it by the key.
    twin::append_encoded(record.detail, entry->newest.twin);
    record.identity_before = entry->newest.identity;
    const std::string ended = ended_key(entry->id, last_sequence_[slot_of(entry->id.device)] + 1);
    std::string note;
    store::seal(store::Kind::hub_state, hub_state_format, ended, {}, note);
    batch.put(Family::metadata, ended, note);
    stage(entry, State{}, std::move(record), [this, entry](const Result<>& result) {
        if (!result) return;
        show(*entry, Presence{});
        end_link(entry->id, LinkEnd::deleted);
        calls_.gone(entry->id, not_found(entry->id));
    });
}

Task<Result<std::vector<TwinId>>> Shard::modules_of(DeviceId device) {
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&,
                                            void(Result<std::vector<TwinId>>)>(
        [this, &device](auto handler) {
            asio::post(parts_.pool, [this, device, h = std::move(handler)]() mutable {
                Result<std::vector<TwinId>> found{std::vector<TwinId>{}};
                const auto cursor =
                    parts_.engine.scan(Family::identities, store::modules_range(device));
                for (cursor->seek_first(); cursor->valid(); cursor->next())
                    if (auto id = store::parse_twin_key(cursor->key()))
                        found->push_back(std::move(*id));
                if (const auto status = cursor->status(); !status)
                    found = std::unexpected(status.error());
                asio::post(executor_, [h = std::move(h), found = std::move(found)]() mutable {
                    std::move(h)(std::move(found));
                });
            });
        },
        asio::use_awaitable);
}

Task<Result<IdentityView>> Shard::create(IdentitySpec spec, Beginning beginning, Author author) {
    const Lanes::Guard lane = co_await lanes_.enter(spec.id.device.text());
    Result<IdentityView> result =
        co_await create_alone(std::move(spec), std::move(beginning), std::move(author));
    counted(result.has_value());
    co_return result;
}

Task<Result<IdentityView>> Shard::create_alone(IdentitySpec spec, Beginning beginning,
                                               Author author) {
    std::size_t modules_present = 0;
    if (spec.id.is_module()) {
        CO_TRY(const EntryPtr device, co_await entry(TwinId{spec.id.device, {}}));
        if (!device->newest.exists())
            co_return std::unexpected(co_await refusal(device, not_found(device->id)));
        CO_TRY(const std::vector<TwinId> modules, co_await modules_of(spec.id.device));
        modules_present = modules.size();
    }
    CO_TRY(const EntryPtr entry, co_await this->entry(spec.id));
    if (entry->newest.exists())
        co_return std::unexpected(co_await refusal(entry, exists_already(spec.id)));
    if (spec.id.is_module() && modules_present >= parts_.settings.modules_per_device_max)
        co_return failure(Code::too_many_modules,
                          "Device '" + spec.id.device.text() + "' already has " +
                              std::to_string(modules_present) + " modules, the limit is " +
                              std::to_string(parts_.settings.modules_per_device_max));
    CO_TRY_VOID(check_room(
        !spec.id.is_module() && spec.iot_edge.value_or(false) ? 1 + std::size(system_modules) : 1));
    const Birth born = birth();
    const Instant now = born.at;
    CO_TRY(Identity identity, make_identity(spec, born, parts_.random));
    twin::Twin twin = twin::fresh(now);
    if (const auto* initial = std::get_if<twin::ServiceUpdate>(&beginning)) {
        CO_TRY_VOID(check_secrets(parts_.settings, *initial));
        CO_TRY(twin, twin::fresh_with(*initial, now));
    } else if (auto* moved = std::get_if<twin::Twin>(&beginning)) {
        twin = std::move(*moved);
    }
    const Content content =
        std::holds_alternative<std::monostate>(beginning) ? Content::none : Content::initial;
    const bool edge = identity.iot_edge;
    stage_created(entry, std::move(identity), std::move(twin), content, now, author);
    // Shared before the wait: what this request made.
    const std::shared_ptr<const Identity> made = entry->newest.identity;
    if (edge) {
        for (const char* const name : system_modules) {
            const EntryPtr module = entry_or_new(TwinId{spec.id.device, *ModuleId::parse(name)});
            stage_created(module, make_system_module(*made, module->id.module, born, parts_.random),
                          twin::fresh(now), Content::none, now, author);
        }
    }
    CO_TRY_VOID(co_await settled());
    co_return IdentityView{made, presence_of(spec.id, Presence{})};
}

Task<Result<IdentityView>> Shard::update(IdentitySpec spec, twin::Match match, Author author) {
    const Lanes::Guard lane = co_await lanes_.enter(spec.id.device.text());
    Result<IdentityView> result =
        co_await update_alone(std::move(spec), std::move(match), std::move(author));
    counted(result.has_value());
    co_return result;
}

Task<Result<IdentityView>> Shard::update_alone(IdentitySpec spec, twin::Match match,
                                               Author author) {
    if (spec.id.is_module()) {
        CO_TRY(const EntryPtr device, co_await entry(TwinId{spec.id.device, {}}));
        if (!device->newest.exists())
            co_return std::unexpected(co_await refusal(device, not_found(device->id)));
    }
    CO_TRY(EntryPtr entry, co_await this->entry(spec.id));
    if (!entry->newest.exists())
        co_return std::unexpected(co_await refusal(entry, not_found(spec.id)));
    std::vector<EntryPtr> runtime;  // the edge runtime's modules, when they come or go
    if (!spec.id.is_module() && entry->newest.identity->iot_edge != spec.iot_edge.value_or(false)) {
        for (const char* const name : system_modules) {
            CO_TRY(EntryPtr module,
                   co_await this->entry(TwinId{spec.id.device, *ModuleId::parse(name)}));
            runtime.push_back(std::move(module));
        }
        entry = current(entry);
        for (EntryPtr& module : runtime) module = current(module);
    }
    const Identity before = *entry->newest.identity;
    if (!match.matches(before.etag()))
        co_return failure(Code::precondition_failed,
                          "The etag of '" + spec.id.text() + "' does not match");
    const Instant now = parts_.clock.now();
    CO_TRY(Identity next, replace_identity(before, spec, now, parts_.random));
    if (next.iot_edge && !runtime.empty()) CO_TRY_VOID(check_room(runtime.size()));
    const bool disabled = next.status == Status::disabled && before.status == Status::enabled;
    const bool credentials = next.authentication != before.authentication;
    std::string detail = changed_fields(before, next);
    stage_identity(entry, std::move(next), std::move(detail), author);
    const std::shared_ptr<const Identity> made = entry->newest.identity;
    for (const EntryPtr& module : runtime) {
        if (made->iot_edge && !module->newest.exists())
            stage_created(module,
                          make_system_module(*made, module->id.module, birth(), parts_.random),
                          twin::fresh(now), Content::none, now, author);
        else if (!made->iot_edge && module->newest.exists()) stage_removed(module, author);
    }
    CO_TRY_VOID(co_await settled());
    if (disabled) end_links_of(spec.id.device, LinkEnd::disabled);
    else if (credentials) end_link_without_credential(spec.id, *made);
    co_return IdentityView{made, presence_of(spec.id, entry->presence)};
}

Task<Result<IdentityView>> Shard::renew_keys(TwinId id, bool primary, bool secondary,
                                             Author author) {
    const Lanes::Guard lane = co_await lanes_.enter(id.device.text());
    Result<IdentityView> result =
        co_await renew_keys_alone(std::move(id), primary, secondary, std::move(author));
    counted(result.has_value());
    co_return result;
}

Task<Result<IdentityView>> Shard::renew_keys_alone(TwinId id, bool primary, bool secondary,
                                                   Author author) {
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->newest.exists()) co_return std::unexpected(co_await refusal(entry, not_found(id)));
    const Identity before = *entry->newest.identity;
    CO_TRY(Identity next, with_new_keys(before, primary, secondary, parts_.random));
    std::string detail = changed_fields(before, next);
    stage_identity(entry, std::move(next), std::move(detail), author);
    const std::shared_ptr<const Identity> made = entry->newest.identity;
    CO_TRY_VOID(co_await settled());
    end_link_without_credential(id, *made);
    co_return IdentityView{made, presence_of(id, entry->presence)};
}

Task<Result<>> Shard::remove(TwinId id, twin::Match match, Author author) {
    const Lanes::Guard lane = co_await lanes_.enter(id.device.text());
    Result<> result = co_await remove_alone(std::move(id), std::move(match), std::move(author));
    counted(result.has_value());
    co_return result;
}

Task<Result<>> Shard::remove_alone(TwinId id, twin::Match match, Author author) {
    std::vector<TwinId> modules;
    if (!id.is_module()) {
        CO_TRY(modules, co_await modules_of(id.device));
    } else {
        CO_TRY(const EntryPtr device, co_await entry(TwinId{id.device, {}}));
        if (!device->newest.exists())
            co_return std::unexpected(co_await refusal(device, not_found(device->id)));
    }
    // Everything is loaded before anything is staged, so that all of it goes in one commit.
    std::vector<EntryPtr> entries;
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->newest.exists()) co_return std::unexpected(co_await refusal(entry, not_found(id)));
    if (id.module.is_system())
        co_return failure(
            Code::system_module_immutable,
            "Modules of the edge runtime come and go with the device's edge capability",
            "moduleId");
    if (!match.matches(entry->newest.identity->etag()))
        co_return failure(Code::precondition_failed,
                          "The etag of '" + id.text() + "' does not match");
    for (const TwinId& module : modules) {
        CO_TRY(EntryPtr loaded, co_await this->entry(module));
        entries.push_back(std::move(loaded));
    }
    entries.push_back(entry);
    for (const EntryPtr& loaded : entries) {
        const EntryPtr doomed = current(loaded);
        if (doomed->newest.exists()) stage_removed(doomed, author);
    }
    CO_TRY_VOID(co_await settled());
    co_return Result<>{};
}

void Shard::end_links_of(const DeviceId& device, LinkEnd reason) {
    std::vector<TwinId> ids;
    for (const auto& [id, link] : links_)
        if (id.device == device) ids.push_back(id);
    for (const TwinId& id : ids) end_link(id, reason);
}

}  // namespace twinhub::hub
