#include "provisioning/home.h"

#include "base/encoding.h"

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
