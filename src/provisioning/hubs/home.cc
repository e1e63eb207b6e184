#include "provisioning/hubs/home.h"

#include "base/encoding.h"
#include "twin/moved.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

constexpr int tries = 4;  // against others who change the same identity in the same moment

bool has_credentials(const hub::Identity& identity, const Placement& placement) {
    const hub::Authentication& has = identity.authentication;
    const auto& wanted = placement.authentication;
    if (has.type != wanted.type) return false;
    return has.primary_key == wanted.primary_key && has.secondary_key == wanted.secondary_key &&
           equals_ignoring_case(has.primary_thumbprint, wanted.primary_thumbprint) &&
           equals_ignoring_case(has.secondary_thumbprint, wanted.secondary_thumbprint);
}

hub::IdentitySpec::AuthenticationSpec credentials_of(const hub::Authentication& has) {
    return {.type = has.type,
            .primary_key = has.primary_key,
            .secondary_key = has.secondary_key,
            .primary_thumbprint = has.primary_thumbprint,
            .secondary_thumbprint = has.secondary_thumbprint};
}

}  // namespace

Task<Result<bool>> Home::place(Placement placement) {
    Result<bool> placed = false;
    for (int i = 0; i < tries; ++i) {
        const TwinId id{placement.device, {}};
        const Result<hub::IdentityView> found = co_await hub_.registry().get(id);
        if (!found && found.error().code != Code::device_not_found)
            co_return std::unexpected(found.error());
        if (found) {
            const Result<> refreshed = co_await refresh(placement, *found->identity);
            if (refreshed) co_return false;
            placed = std::unexpected(refreshed.error());
            if (refreshed.error().code == Code::precondition_failed ||
                refreshed.error().code == Code::device_not_found)
                continue;
            co_return placed;
        }
        hub::IdentitySpec spec;
        spec.id = id;
        spec.authentication = placement.authentication;
        spec.iot_edge = placement.iot_edge;
        const Result<hub::IdentityView> made =
            co_await hub_.registry().create(std::move(spec), placement.author, placement.initial);
        if (made) co_return true;
        placed = std::unexpected(made.error());
        if (made.error().code != Code::device_already_exists) co_return placed;
    }
    co_return placed;
}

Task<Result<bool>> Home::place_afresh(Placement placement) {
    CO_TRY(const bool made, co_await place(placement));
    if (!made)
        CO_TRY_VOID(co_await hub_.twins().reset(TwinId{placement.device, {}}, placement.initial,
                                                placement.author));
    co_return made;
}

Task<Result<std::optional<Luggage>>> Home::pack(DeviceId device) {
    const Result<hub::TwinView> view = co_await hub_.twins().get(TwinId{device, {}});
    if (!view && view.error().code == Code::device_not_found) co_return std::nullopt;
    CO_TRY_VOID(view);
    Luggage luggage{.status = view->identity->status,
                    .status_reason = view->identity->status_reason,
                    .twin = twin::moved(view->twin),
                    .modules = {}};
    CO_TRY(const std::vector<hub::IdentityView> modules, co_await hub_.registry().modules(device));
    for (const hub::IdentityView& module : modules) {
        const hub::Identity& identity = *module.identity;
        CO_TRY(const hub::TwinView its, co_await hub_.twins().get(identity.id));
        luggage.modules.push_back({.id = identity.id.module,
                                   .authentication = identity.authentication,
                                   .managed_by = identity.managed_by,
                                   .twin = twin::moved(its.twin)});
    }
    std::ranges::sort(luggage.modules, {}, [](const auto& module) { return module.id.text(); });
    co_return luggage;
}

Task<Result<>> Home::unpack(Placement placement, Luggage luggage) {
    CO_TRY_VOID(co_await remove(placement.device, placement.author));
    hub::IdentitySpec spec;
    spec.id = TwinId{placement.device, {}};
    spec.status = luggage.status;
    if (!luggage.status_reason.empty()) spec.status_reason = luggage.status_reason;
    spec.authentication = placement.authentication;
    spec.iot_edge = placement.iot_edge;
    CO_TRY_VOID(
        co_await hub_.registry().adopt(std::move(spec), std::move(luggage.twin), placement.author));
    for (Luggage::Module& module : luggage.modules)
        CO_TRY_VOID(co_await unpack_module(placement.device, std::move(module), placement.author));
    co_return Result<>{};
}

// The runtime's own modules came with the device: they get what services wrote.
Task<Result<>> Home::unpack_module(const DeviceId& device, Luggage::Module module,
                                   const hub::Author& author) {
    const TwinId id{device, module.id};
    if (is_system_module(module.id)) {
        const auto written =
            co_await hub_.twins().update(id, service_part(module.twin), twin::Match::any(), author);
        if (!written && written.error().code != Code::device_not_found)
            co_return std::unexpected(written.error());
        co_return Result<>{};
    }
    hub::IdentitySpec spec;
    spec.id = id;
    spec.authentication = credentials_of(module.authentication);
    spec.managed_by = std::move(module.managed_by);
    CO_TRY_VOID(co_await hub_.registry().adopt(std::move(spec), std::move(module.twin), author));
    co_return Result<>{};
}

Task<Result<>> Home::remove(DeviceId device, hub::Author author) {
    const Result<> removed = co_await hub_.registry().remove(TwinId{std::move(device), {}},
                                                             twin::Match::any(), std::move(author));
    if (!removed && removed.error().code == Code::device_not_found) co_return Result<>{};
    co_return removed;
}

Task<Result<>> Home::refresh(const Placement& placement, const hub::Identity& identity) {
    if (has_credentials(identity, placement) && identity.iot_edge == placement.iot_edge)
        co_return Result<>{};
    hub::IdentitySpec spec;
    spec.id = identity.id;
    spec.status = identity.status;
    spec.status_reason = identity.status_reason;
    spec.authentication = placement.authentication;
    spec.iot_edge = placement.iot_edge;
    spec.device_scope = identity.device_scope;
    if (placement.iot_edge) spec.parent_scopes = identity.parent_scopes;
    CO_TRY_VOID(co_await hub_.registry().update(
        std::move(spec), twin::Match::one_of({identity.etag()}), placement.author));
    co_return Result<>{};
}

}  // namespace twinhub::provisioning
