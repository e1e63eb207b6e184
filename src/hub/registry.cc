#include "hub/registry.h"

#include "hub/identity_rules.h"
#include "hub/record.h"
#include "hub/shards.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/async_result.hpp>

#include <set>
#include <utility>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr int ancestors_max = 32;

// Spec service-api 4.4: a parent must be an edge device, that very one, and no descendant of the
// child. Two requests at once on two loops can still close a circle: nothing walks scopes without a
// limit.
Task<Result<>> check_parent(Shards& shards, DeviceId child, std::string scope) {
    for (int depth = 0; depth < ancestors_max; ++depth) {
        const std::optional<DeviceId> parent = device_of_scope(scope);
        if (parent == child)
            co_return failure(Code::device_scope_invalid, "A device cannot be its own ancestor",
                              "deviceScope");
        std::shared_ptr<const Identity> found;
        if (parent) {
            Shard& shard = shards.of(*parent);
            auto read = [&shard, id = TwinId{*parent, {}}] { return shard.identity(id); };
            const Result<IdentityView> view = co_await Shards::on(shard, std::move(read));
            if (view && view->identity->iot_edge && view->identity->device_scope == scope)
                found = view->identity;
        }
        if (!found && depth == 0)
            co_return failure(Code::device_scope_invalid,
                              "The scope does not name an edge device of this hub", "deviceScope");
        if (!found || found->parent_scopes.empty()) break;
        scope = found->parent_scopes.front();
    }
    co_return Result<>{};
}

// The scope under which the identity would hang, as the client wrote it.
std::string wanted_parent(const IdentitySpec& spec) {
    if (spec.id.is_module()) return {};
    if (spec.iot_edge.value_or(false))
        return spec.parent_scopes && !spec.parent_scopes->empty() ? spec.parent_scopes->front()
                                                                  : std::string{};
    return spec.device_scope.value_or("");
}

Result<Identity> decode_stored(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::identity, identity_format, "identities", key, value));
    return decode_identity(opened.body);
}

// Identities of a range, up to `top`, devices or modules. May wait for the disk.
Result<std::vector<std::shared_ptr<const Identity>>> scan_identities(store::Engine& engine,
                                                                     const store::Range& range,
                                                                     bool modules,
                                                                     std::size_t top) {
    std::vector<std::shared_ptr<const Identity>> found;
    const auto cursor = engine.scan(Family::identities, range);
    for (cursor->seek_first(); cursor->valid() && found.size() < top; cursor->next()) {
        // The last byte of a device's key is the NUL that separates it from its modules.
        if (cursor->key().ends_with('\0') == modules) continue;
        TRY(Identity identity, decode_stored(cursor->key(), cursor->value()));
        found.push_back(std::make_shared<const Identity>(std::move(identity)));
    }
    TRY_VOID(cursor->status());
    return found;
}

Shard::Beginning beginning_of(std::optional<twin::ServiceUpdate> initial) {
    if (!initial) return std::monostate{};
    return *std::move(initial);
}

Shard::Beginning beginning_of(BulkItem& item) {
    if (item.moved) return *std::move(item.moved);
    return beginning_of(std::move(item.initial_twin));
}

// Adds what each shard knows of the connections.
Task<std::vector<IdentityView>> with_presence(
    Shards& shards, std::vector<std::shared_ptr<const Identity>> identities) {
    std::vector<IdentityView> views(identities.size());
    for (std::size_t index = 0; index < shards.size(); ++index) {
        Shard& shard = shards.at(index);
        auto fill = [&shard, &views, &identities]() -> Task<> {
            for (std::size_t i = 0; i < identities.size(); ++i) {
                if (!shard.owns(slot_of(identities[i]->id.device))) continue;
                const Result<IdentityView> view = co_await shard.identity(identities[i]->id);
                views[i] = view ? *view : IdentityView{identities[i], Presence{}};
            }
        };
        co_await Shards::on(shard, std::move(fill));
    }
    co_return views;
}

}  // namespace

Task<Result<IdentityView>> Registry::get(TwinId id) {
    Shard& shard = shards_.of(id.device);
    auto work = [&shard, id]() -> Task<Result<IdentityView>> {
        if (id.is_module()) {
            const Result<IdentityView> device = co_await shard.identity(TwinId{id.device, {}});
            if (!device) co_return device;
        }
        co_return co_await shard.identity(id);
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<IdentityView>> Registry::create(IdentitySpec spec, Author author,
                                            std::optional<twin::ServiceUpdate> initial) {
    if (const std::string parent = wanted_parent(spec); !parent.empty())
        CO_TRY_VOID(co_await check_parent(shards_, spec.id.device, parent));
    Shard& shard = shards_.of(spec.id.device);
    auto work = [&shard, &spec, &initial, &author] {
        return shard.create(std::move(spec), beginning_of(std::move(initial)), std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<IdentityView>> Registry::adopt(IdentitySpec spec, twin::Twin moved, Author author) {
    Shard& shard = shards_.of(spec.id.device);
    auto work = [&shard, &spec, &moved, &author] {
        return shard.create(std::move(spec), std::move(moved), std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<IdentityView>> Registry::update(IdentitySpec spec, twin::Match match, Author author) {
    if (const std::string parent = wanted_parent(spec); !parent.empty()) {
        const Result<> known = co_await check_parent(shards_, spec.id.device, parent);
        if (!known) {
            // A missing device is told before its parent is judged. An unchanged parent is not
            // judged again, nor is the scope of its own that an edge device echoes as it becomes a
            // leaf.
            CO_TRY(const IdentityView current, co_await get(spec.id));
            const Identity& identity = *current.identity;
            const bool unchanged = identity.parent_scopes == std::vector<std::string>{parent};
            const bool echoed = identity.iot_edge && identity.device_scope == parent;
            if (!unchanged && !(echoed && !spec.iot_edge.value_or(false)))
                co_return std::unexpected(known.error());
        }
    }
    Shard& shard = shards_.of(spec.id.device);
    auto work = [&shard, &spec, &match, &author] {
        return shard.update(std::move(spec), std::move(match), std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<>> Registry::remove(TwinId id, twin::Match match, Author author) {
    Shard& shard = shards_.of(id.device);
    auto work = [&shard, &id, &match, &author] {
        return shard.remove(std::move(id), std::move(match), std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<std::vector<IdentityView>>> Registry::list(std::size_t top) {
    using Found = Result<std::vector<std::shared_ptr<const Identity>>>;
    CO_TRY(auto found, co_await shards_.off_loop<Found>([this, top] {
        return scan_identities(shards_.engine(), store::Range{}, false, top);
    }));
    co_return co_await with_presence(shards_, std::move(found));
}

Task<Result<std::vector<IdentityView>>> Registry::modules(DeviceId device) {
    CO_TRY_VOID(co_await get(TwinId{device, {}}));
    using Found = Result<std::vector<std::shared_ptr<const Identity>>>;
    CO_TRY(auto found, co_await shards_.off_loop<Found>([this, device] {
        return scan_identities(shards_.engine(), store::modules_range(device), true,
                               ~std::size_t{0});
    }));
    co_return co_await with_presence(shards_, std::move(found));
}

Task<Result<Statistics>> Registry::statistics() {
    Statistics sum;
    for (std::size_t index = 0; index < shards_.size(); ++index) {
        Shard& shard = shards_.at(index);
        auto read = [&shard, &sum]() -> Task<> {
            sum.devices_enabled += shard.counts().enabled;
            sum.devices_disabled += shard.counts().disabled;
            sum.modules += shard.counts().modules;
            for (const TwinId& id : shard.connected())
                sum.devices_connected += id.is_module() ? 0 : 1;
            co_return;
        };
        co_await Shards::on(shard, std::move(read));
    }
    co_return sum;
}

Task<Result<>> Registry::apply(BulkItem item, Author author) {
    Shard& shard = shards_.of(item.spec.id.device);
    auto work = [&shard, &item, &author]() -> Task<Result<>> {
        const TwinId id = item.spec.id;
        // Bulk creation does not judge scopes (spec service-api 4.4).
        switch (item.mode) {
            case ImportMode::create: {
                CO_TRY_VOID(co_await shard.create(std::move(item.spec), beginning_of(item),
                                                  std::move(author)));
                co_return Result<>{};
            }
            case ImportMode::create_or_update:
            case ImportMode::create_or_update_if_match: {
                const Result<IdentityView> known = co_await shard.identity(id);
                if (!known) {
                    CO_TRY_VOID(co_await shard.create(std::move(item.spec), beginning_of(item),
                                                      std::move(author)));
                    co_return Result<>{};
                }
                CO_TRY_VOID(
                    co_await shard.update(std::move(item.spec), std::move(item.match), author));
                if (item.initial_twin)
                    CO_TRY_VOID(co_await shard.update_twin(id, std::move(*item.initial_twin),
                                                           twin::Match{}, author));
                co_return Result<>{};
            }
            case ImportMode::update:
            case ImportMode::update_if_match: {
                CO_TRY_VOID(co_await shard.update(std::move(item.spec), std::move(item.match),
                                                  std::move(author)));
                co_return Result<>{};
            }
            case ImportMode::remove:
            case ImportMode::remove_if_match:
                co_return co_await shard.remove(id, std::move(item.match), std::move(author));
            case ImportMode::update_twin:
            case ImportMode::update_twin_if_match: {
                twin::ServiceUpdate update =
                    std::move(item.initial_twin).value_or(twin::ServiceUpdate{});
                CO_TRY_VOID(co_await shard.update_twin(id, std::move(update), std::move(item.match),
                                                       std::move(author)));
                co_return Result<>{};
            }
        }
        co_return failure(Code::argument_invalid, "Unknown import mode", "importMode");
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<std::vector<BulkError>> Registry::bulk(std::vector<BulkItem> items, Author author) {
    // The waiter is held by the items on their way alone: a bulk request that a stopping hub never
    // finishes must not keep itself alive.
    struct Waiter {
        std::size_t open = 1;
        std::move_only_function<void()> finished;
    };
    auto waiter = std::make_shared<Waiter>();
    auto refused = std::make_shared<std::vector<std::optional<Error>>>(items.size());
    std::vector<TwinId> ids;
    for (const BulkItem& item : items) ids.push_back(item.spec.id);

    std::set<TwinId> seen;
    const Executor here = co_await asio::this_coro::executor;
    // All items start in this turn, so that those of one shard share one commit.
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (!seen.insert(ids[i]).second) {
            (*refused)[i] = Error{Code::device_defined_multiple_times,
                                  "'" + ids[i].text() + "' is in the request more than once",
                                  {}};
            continue;
        }
        ++waiter->open;
        asio::co_spawn(here, apply(std::move(items[i]), author),
                       [waiter, refused, i](const std::exception_ptr& thrown, Result<> result) {
                           if (thrown)
                               (*refused)[i] =
                                   Error{Code::internal, "The item could not be carried out", {}};
                           else if (!result) (*refused)[i] = std::move(result).error();
                           if (--waiter->open == 0 && waiter->finished)
                               std::exchange(waiter->finished, nullptr)();
                       });
    }
    if (--waiter->open != 0) {
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [&waiter](auto handler) {
                waiter->finished = [h = std::move(handler)]() mutable { std::move(h)(); };
                waiter.reset();
            },
            asio::use_awaitable);
    }
    std::vector<BulkError> errors;
    for (std::size_t i = 0; i < ids.size(); ++i)
        if ((*refused)[i]) errors.push_back({ids[i], std::move(*(*refused)[i])});
    co_return errors;
}

Task<RotationResult> Registry::regenerate_keys(std::vector<TwinId> ids, KeyChoice choice,
                                               Author author) {
    RotationResult result;
    std::set<TwinId> seen;
    for (const TwinId& id : ids) {
        if (!seen.insert(id).second) continue;
        Shard& shard = shards_.of(id.device);
        auto work = [&shard, &id, &author, choice] {
            return shard.renew_keys(id, choice != KeyChoice::secondary,
                                    choice != KeyChoice::primary, author);
        };
        const Result<IdentityView> renewed = co_await Shards::on(shard, std::move(work));
        if (!renewed) {
            result.errors.push_back({id, renewed.error()});
        } else {
            const Authentication& keys = renewed->identity->authentication;
            result.rotated.push_back({id, keys.primary_key, keys.secondary_key});
        }
    }
    co_return result;
}

}  // namespace twinhub::hub
