#include "hub/configurations/shard_configurations.h"

#include "hub/configurations/settlement.h"
#include "hub/shard.h"
#include "store/record.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr std::size_t slice = 32;   // twins in one turn of the loop: some hundred microseconds
constexpr std::size_t batch = 512;  // twins in one commit
constexpr auto try_again_after = std::chrono::seconds{1};
const std::string lane_name = "configurations";
constexpr std::string_view agent = "$edgeAgent";

std::string key_of(const TwinId& id) {
    return store::metadata_key(store::Area::applied, store::twin_key(id));
}

TwinId device_of(const TwinId& id) { return TwinId{id.device, {}}; }

}  // namespace

ShardConfigurations::ShardConfigurations(Shard& shard) : shard_(shard), lanes_(shard.executor()) {}
ShardConfigurations::~ShardConfigurations() = default;

Result<> ShardConfigurations::recover(Slot slot) {
    const store::Range twins = store::slot_range(slot);
    const store::Range range{store::metadata_key(store::Area::applied, twins.from),
                             store::metadata_key(store::Area::applied, twins.to)};
    const auto cursor = shard_.parts_.engine.scan(Family::metadata, range);
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(const store::Opened opened, store::open(store::Kind::applied, applied_format,
                                                    "metadata", cursor->key(), cursor->value()));
        const auto id = store::parse_twin_key(cursor->key().substr(1));
        auto applied = decode_applied(opened.body);
        if (!id || !applied)
            return failure(Code::corrupted, "What configurations made of a twin cannot be read",
                           "metadata/" + store::printable(cursor->key()));
        for (const Applied::Standing& standing : applied->standings)
            last_revision_ = std::max(last_revision_, standing.revision);
        applied_[*id] = keep(std::string(opened.body), std::move(*applied));
    }
    return cursor->status();
}

void ShardConfigurations::mark_outdated() {
    for (const auto& [id, kept] : applied_)
        for (const Applied::Standing& standing : kept->applied.standings) {
            const RankedConfiguration* known = set_->find(standing.configuration);
            if (known == nullptr || known->configuration->revision != standing.revision) mark(id);
        }
}

ShardConfigurations::KeptPtr ShardConfigurations::keep(const std::string& encoded,
                                                       Applied applied) {
    std::weak_ptr<const Kept>& known = kept_[encoded];
    if (KeptPtr kept = known.lock()) return kept;
    auto made = std::make_shared<Kept>();
    made->statuses = statuses_of(applied);
    made->applied = std::move(applied);
    known = made;
    if (kept_.size() > 2 * kept_swept_ + 1000) {
        std::erase_if(kept_, [](const auto& each) { return each.second.expired(); });
        kept_swept_ = kept_.size();
    }
    return made;
}

std::shared_ptr<const twin::Object> ShardConfigurations::shown(const TwinId& id) const {
    const auto found = applied_.find(id);
    return found != applied_.end() ? found->second->statuses : nullptr;
}

const Applied* ShardConfigurations::applied(const TwinId& id) const {
    const auto found = applied_.find(id);
    return found != applied_.end() ? &found->second->applied : nullptr;
}

WantedPaths ShardConfigurations::wanted_by(const TwinId& id, const State& state,
                                           const State* device,
                                           std::span<const std::string> paths) const {
    const TwinId on = device_of(id);
    std::optional<EdgeDevice> edge;
    if (device != nullptr && device->exists() && device->identity->iot_edge)
        edge.emplace(EdgeDevice{on, device->twin});
    const std::vector<Claim> claims =
        claims_on(*set_, id, state.twin, edge ? &*edge : nullptr, shard_.parts_.clock.now());
    return hub::wanted_by(*set_, claims, id, paths);
}

const Applied& ShardConfigurations::newest(const TwinId& id) const {
    static const Applied none;
    if (const auto found = on_their_way_.find(id); found != on_their_way_.end())
        return found->second->applied;
    const auto found = applied_.find(id);
    return found != applied_.end() ? found->second->applied : none;
}

void ShardConfigurations::mark(const TwinId& id) { marked_.insert(id); }

void ShardConfigurations::changed(const TwinId& id, const State& before, const State& after) {
    if (!after.exists()) {
        applied_.erase(id);
        marked_.erase(id);
        return;
    }
    if (set_->ranked().empty()) return;
    if (!before.exists() || before.identity->iot_edge != after.identity->iot_edge) return mark(id);
    if (&before.twin.tags.object() == &after.twin.tags.object() &&
        &before.twin.reported.object() == &after.twin.reported.object())
        return;
    const bool touched = std::ranges::any_of(set_->ranked(), [&](const auto* each) {
        const bool of_modules = each->configuration->content.kind == ContentKind::module;
        return of_modules == id.is_module() && each->target->is_touched(before.twin, after.twin);
    });
    if (touched) mark(id);
}

void ShardConfigurations::tick() {
    ConfigurationMetrics& metrics = shard_.parts_.metrics.configurations;
    metrics.twins_waiting.Increment(static_cast<double>(marked_.size()) -
                                    static_cast<double>(waiting_shown_));
    waiting_shown_ = marked_.size();
    if (marked_.empty() || running_ || shard_.parts_.clock.monotonic() < next_try_) return;
    running_ = true;
    asio::co_spawn(shard_.executor(), run(), asio::detached);
}

// What was marked when the turn began, and what is marked meanwhile.
Task<> ShardConfigurations::run() {
    while (!marked_.empty()) {
        std::vector<TwinId> ids;
        while (!marked_.empty() && ids.size() < batch)
            ids.push_back(std::move(marked_.extract(marked_.begin()).value()));
        const Result<> done = co_await settle_all(ids);
        if (done) continue;
        for (const TwinId& id : ids) mark(id);
        next_try_ = shard_.parts_.clock.monotonic() + try_again_after;
        break;
    }
    running_ = false;
}

bool ShardConfigurations::is_current(const TwinId& id, const Found& found) const {
    const RankedConfiguration* known = set_->find(found.configuration);
    TwinId of = id;
    if (known != nullptr && known->configuration->content.kind == ContentKind::edge &&
        !id.is_module())
        of.module = *ModuleId::parse(agent);
    const auto at = applied_.find(of);
    const Applied::Standing* standing =
        at != applied_.end() ? at->second->applied.find(found.configuration) : nullptr;
    return standing != nullptr && standing->revision == found.revision;
}

Task<Result<>> ShardConfigurations::settle(Found found) {
    std::vector<TwinId> ids;
    for (TwinId& id : found.ids) {
        if (!found.all && is_current(id, found)) continue;
        ids.push_back(std::move(id));
        if (ids.size() < batch) continue;
        CO_TRY_VOID(co_await settle_all(std::exchange(ids, {})));
    }
    if (ids.empty()) co_return Result<>{};
    co_return co_await settle_all(std::move(ids));
}

Task<Result<>> ShardConfigurations::settle_all(std::vector<TwinId> ids) {
    const Lanes::Guard lane = co_await lanes_.enter(lane_name);
    std::size_t count = 0;
    for (const TwinId& id : ids) {
        const Result<> done = co_await settle_with_modules(id);
        // What cannot be read is told where it is read, and must not keep the others away.
        if (!done && done.error().code != Code::corrupted) co_return done;
        if (++count % slice == 0) co_await asio::post(shard_.executor(), asio::use_awaitable);
    }
    co_return co_await shard_.settled();
}

// A device stands for its modules, too, where deployments are for them.
Task<Result<>> ShardConfigurations::settle_with_modules(TwinId id) {
    CO_TRY_VOID(co_await settle_one(id));
    if (id.is_module()) co_return Result<>{};
    std::set<TwinId> modules;
    for (auto at = applied_.upper_bound(id); at != applied_.end() && at->first.device == id.device;
         ++at)
        modules.insert(at->first);
    CO_TRY(EntryPtr device, co_await shard_.entry(id));
    device = shard_.current(device);
    if (device->newest.exists() && device->newest.identity->iot_edge && set_->has_deployments()) {
        const std::vector<std::string> needed =
            modules_needed(*set_, {device->id, device->newest.twin}, shard_.parts_.clock.now());
        for (const std::string& name : needed) {
            const TwinId module{id.device, *ModuleId::parse(name)};
            CO_TRY(const EntryPtr entry, co_await shard_.entry(module));
            if (!entry->newest.exists()) {
                IdentitySpec spec;
                spec.id = module;
                const auto made = co_await shard_.create(
                    std::move(spec), std::monostate{},
                    Author{.cause = Cause::configuration, .principal = "system:configuration"});
                if (!made && made.error().code != Code::module_already_exists) {
                    shard_.parts_.metrics.configurations.twins_too_full.Increment();
                    shard_.parts_.log.warn("configuration.module_not_created",
                                           {{"id", module.text()}, {"why", made.error().message}});
                    continue;
                }
            }
            modules.insert(module);
        }
    }
    for (const TwinId& module : modules) CO_TRY_VOID(co_await settle_one(module));
    co_return Result<>{};
}

Task<Result<>> ShardConfigurations::settle_one(TwinId id) {
    EntryPtr device;
    if (id.is_module() && set_->has_deployments()) {
        CO_TRY(device, co_await shard_.entry(device_of(id)));
    }
    CO_TRY(EntryPtr entry, co_await shard_.entry(id));
    entry = shard_.current(entry);
    if (!entry->newest.exists()) co_return Result<>{};
    if (device) device = shard_.current(device);
    if (device && device->newest.exists() && device->newest.identity->iot_edge) {
        const EdgeDevice edge{device->id, device->newest.twin};
        settle_now(entry, &edge);
    } else {
        settle_now(entry, nullptr);
    }
    co_return Result<>{};
}

// Nothing may wait from here on: the newest state must stay the newest one.
void ShardConfigurations::settle_now(const std::shared_ptr<Entry>& entry, const EdgeDevice* edge) {
    const Shard::Parts& parts = shard_.parts_;
    ConfigurationMetrics& metrics = parts.metrics.configurations;
    metrics.twins_settled.Increment();
    const Instant now = parts.clock.now();
    const TwinId& id = entry->id;
    const twin::Twin& twin = entry->newest.twin;
    const std::vector<Claim> claims = claims_on(*set_, id, twin, edge, now);
    const Applied& before = newest(id);
    if (claims.empty() && before.empty()) return;
    const ConfigurationSettings& settings = parts.settings.configurations;
    Settlement settlement = hub::settle(
        twin.desired, before, claims,
        {.remove_on_untarget = settings.remove_on_untarget,
         .remove_on_delete = settings.remove_on_delete,
         .exists = [this](std::string_view name) { return set_->find(name) != nullptr; }});
    std::optional<twin::Applied> change;
    if (!settlement.patch.empty()) {
        twin::ServiceUpdate update;
        update.desired =
            twin::Patch::trusted(std::move(settlement.patch), twin::Patch::Mode::merge);
        if (auto applied = twin::apply(twin, std::move(update), now)) {
            change = std::move(*applied);
            metrics.twins_changed.Increment();
        } else {
            metrics.twins_too_full.Increment();
            settlement.next = unsettled(before, settlement.next);
            // Once, not each time that it is looked at.
            if (settlement.next != before)
                parts.log.warn("configuration.not_applied",
                               {{"id", id.text()},
                                {"configuration", settlement.configuration},
                                {"why", applied.error().message}});
        }
    }
    // The status is shown before the device is told: who hears from the device finds it.
    if (settlement.next != before) put(id, std::move(settlement.next));
    if (!change) return;
    const RankedConfiguration* known = set_->find(settlement.configuration);
    const Author author =
        known != nullptr
            ? author_of_configuration(known->configuration->id, known->configuration->etag_number,
                                      known->configuration->author)
            : author_of_work(Cause::configuration, "configuration", settlement.configuration, {});
    shard_.stage_twin(entry, std::move(*change), author, [](const Result<>&) {});
}

// In the open batch, with the change of the twin.
void ShardConfigurations::put(const TwinId& id, Applied next) {
    const std::string key = key_of(id);
    std::string body;
    append_encoded(body, next);
    KeptPtr kept;
    if (next.empty()) {
        kept = std::make_shared<const Kept>();
        shard_.queue_.batch().remove(Family::metadata, key);
    } else {
        kept = keep(body, std::move(next));
        std::string value;
        store::seal(store::Kind::applied, applied_format, key, body, value);
        shard_.queue_.batch().put(Family::metadata, key, value);
    }
    on_their_way_[id] = kept;
    shard_.queue_.on_settled([this, id, kept](const Result<>& result) {
        if (const auto found = on_their_way_.find(id);
            found != on_their_way_.end() && (found->second == kept || !result))
            on_their_way_.erase(found);
        if (!result) return;
        if (kept->applied.empty()) applied_.erase(id);
        else applied_[id] = kept;
        shard_.show_configurations(id, kept->statuses);
    });
}

}  // namespace twinhub::hub
