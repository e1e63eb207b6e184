#pragma once

#include "base/task.h"
#include "gateway/device_credentials.h"
#include "hub/registry.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::gateway {

// An edge gateway that speaks for an identity below it names the way up to itself (spec
// device-protocols 1.2, auth-chain): the identity first, then what is above it step by step, the
// gateway's device last.
using AuthChain = std::vector<TwinId>;

inline constexpr std::size_t auth_chain_steps_max = 10;

// `leaf;edge-2;edge-1`, or `leaf/module;leaf;edge-1`; at least two steps. Errors: unauthorized,
// with the reason for the operator's log.
Result<AuthChain> parse_auth_chain(std::string_view text);

// Who proves itself for a chain: the $edgeHub of its last step.
TwinId gateway_of(const AuthChain& chain);
bool is_gateway(const TwinId& id);  // an $edgeHub, of whatever device

// What the registry knows of the steps above the asking identity, and of the $edgeHub of the last.
struct Superiors {
    std::vector<std::shared_ptr<const hub::Identity>> steps;
    std::shared_ptr<const hub::Identity> gateway;
};

// What the chain of `text` names; its first step has to be `asking`. Callable on any loop. Errors:
// as parse_auth_chain and Registry::get.
Task<Result<Superiors>> find_superiors(hub::Registry& registry, std::string text, TwinId asking);

// Whether the gateway that proves itself may connect as `identity` (with its device, the same for a
// device): every step must be the parent of the one before it, and enabled. Pure. Errors:
// unauthorized; the message is for the operator's log.
Result<Admission> admit_on_behalf(const DeviceProof& proof, const hub::Identity& identity,
                                  const hub::Identity& device, const Superiors& superiors,
                                  const DeviceRules& rules, Instant now);

}  // namespace twinhub::gateway
