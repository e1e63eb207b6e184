#include "gateway/auth_chain.h"

#include "base/twin_id.h"

#include <algorithm>

namespace twinhub::gateway {
namespace {

constexpr std::string_view edge_hub = "$edgeHub";

std::unexpected<Error> refused(std::string reason) {
    return failure(Code::unauthorized, std::move(reason));
}

// A module is below its device, a device below the edge device whose scope it is in.
bool is_below(const hub::Identity& child, const hub::Identity& parent) {
    if (parent.id.is_module()) return false;
    if (child.id.is_module()) return child.id.device == parent.id.device;
    return parent.iot_edge && !parent.device_scope.empty() &&
           std::ranges::find(child.parent_scopes, parent.device_scope) != child.parent_scopes.end();
}

}  // namespace

Result<AuthChain> parse_auth_chain(std::string_view text) {
    AuthChain chain;
    while (!text.empty()) {
        if (chain.size() == auth_chain_steps_max) return refused("gateway chain too long");
        const std::string_view step = text.substr(0, text.find(';'));
        text.remove_prefix(std::min(step.size() + 1, text.size()));
        Result<TwinId> id = parse_twin_id(step);
        if (!id) return refused("unreadable gateway chain");
        chain.push_back(std::move(*id));
    }
    if (chain.size() < 2) return refused("gateway chain without a gateway");
    return chain;
}

TwinId gateway_of(const AuthChain& chain) {
    return {chain.back().device, ModuleId::parse(edge_hub).value()};
}

bool is_gateway(const TwinId& id) { return id.module.text() == edge_hub; }

Task<Result<Superiors>> find_superiors(hub::Registry& registry, std::string text, TwinId asking) {
    CO_TRY(const AuthChain chain, parse_auth_chain(text));
    if (chain.front() != asking) co_return refused("gateway chain of another identity");
    Superiors superiors;
    for (std::size_t step = 1; step < chain.size(); ++step) {
        CO_TRY(hub::IdentityView view, co_await registry.get(chain[step]));
        superiors.steps.push_back(std::move(view.identity));
    }
    CO_TRY(hub::IdentityView view, co_await registry.get(gateway_of(chain)));
    superiors.gateway = std::move(view.identity);
    co_return superiors;
}

Result<Admission> admit_on_behalf(const DeviceProof& proof, const hub::Identity& identity,
                                  const hub::Identity& device, const Superiors& superiors,
                                  const DeviceRules& rules, Instant now) {
    if (superiors.steps.empty() || superiors.gateway == nullptr) return refused("no gateway");
    if (device.status == hub::Status::disabled) return refused("disabled");
    const hub::Identity* below = &identity;
    for (const auto& step : superiors.steps) {
        if (step->status == hub::Status::disabled) return refused("a device above it is disabled");
        if (!is_below(*below, *step))
            return refused("gateway chain that the registry does not know");
        below = step.get();
    }
    if (superiors.gateway->id.device != below->id.device || !below->iot_edge)
        return refused("gateway chain that ends at no gateway");
    TRY(Admission admission, admit(proof, *superiors.gateway, *below, rules, now));
    admission.principal = {
        .kind = hub::Principal::Kind::identity, .name = {}, .rights = 0, .id = identity.id};
    // It was the gateway's: no change of the child's own leaves it standing.
    admission.credential.kind = hub::Credential::Kind::unknown;
    return admission;
}

}  // namespace twinhub::gateway
