#pragma once

#include "hub/testing/test_hub.h"

// What the tests of the registry ask of a hub, in few words.
namespace twinhub::hub::testing {

inline const std::string key_a = base64_encode(std::string(32, 'a'));
inline const std::string key_b = base64_encode(std::string(32, 'b'));

inline IdentitySpec with_keys(IdentitySpec spec, std::string primary, std::string secondary) {
    if (!spec.authentication) spec.authentication.emplace();
    spec.authentication->primary_key = std::move(primary);
    spec.authentication->secondary_key = std::move(secondary);
    return spec;
}

inline IdentitySpec edge_spec(std::string_view device) {
    IdentitySpec spec = spec_of(device);
    spec.iot_edge = true;
    return spec;
}

// What a client sends back that fetched an identity and changes nothing.
inline IdentitySpec echo(const Identity& identity) {
    IdentitySpec spec =
        with_keys(spec_of(identity.id.device.text(), identity.id.module.text()),
                  identity.authentication.primary_key, identity.authentication.secondary_key);
    spec.status = identity.status;
    spec.status_reason = identity.status_reason;
    spec.iot_edge = identity.iot_edge;
    spec.device_scope = identity.device_scope;
    spec.parent_scopes = identity.parent_scopes;
    return spec;
}

inline Result<IdentityView> update(TestHub& hub, IdentitySpec spec, twin::Match match = {}) {
    return hub.run(hub.registry().update(std::move(spec), std::move(match), author_of()));
}
inline Result<IdentityView> get(TestHub& hub, const TwinId& id) {
    return hub.run(hub.registry().get(id));
}
inline Result<> remove(TestHub& hub, const TwinId& id, twin::Match match = twin::Match::any()) {
    return hub.run(hub.registry().remove(id, std::move(match), author_of()));
}
inline Code code_of(const auto& result) { return result ? Code{255} : result.error().code; }

}  // namespace twinhub::hub::testing
