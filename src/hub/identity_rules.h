#pragma once

#include "base/random.h"
#include "base/result.h"
#include "hub/identity.h"

namespace twinhub::hub {

inline constexpr std::size_t status_reason_characters_max = 128;  // spec twin-document 1
inline constexpr std::size_t key_bytes_min = 16;                  // spec service-api 4.2
inline constexpr std::size_t key_bytes_max = 64;
inline constexpr std::size_t generated_key_bytes = 32;
inline constexpr std::size_t parent_scopes_max = 1;  // spec service-api 4.4
inline constexpr std::string_view scope_prefix = "ms-azure-iot-edge://";

// When an identity begins. Its generation is made of `mark`: about the same time, but different for
// each that is born, since a device may be created again within one tick of the clock.
struct Birth {
    Instant at{};
    Instant mark{};
};

// The identity that `spec` asks for, new. Generates keys, generation, etag and edge scope.
// Whether the parent exists is not looked at here. Errors: argument_invalid.
Result<Identity> make_identity(const IdentitySpec& spec, Birth birth, Random& random);

// The identity that replaces `current` (spec service-api 4.2, 4.4: what `spec` leaves out is
// reset). Errors: argument_invalid, device_scope_invalid (an edge device's own scope is immutable).
Result<Identity> replace_identity(const Identity& current, const IdentitySpec& spec, Instant now,
                                  Random& random);

// `current` with new keys. Errors: operation_invalid when it has none.
Result<Identity> with_new_keys(const Identity& current, bool primary, bool secondary,
                               Random& random);

// The device that a scope names; nothing when the text is not a scope.
std::optional<DeviceId> device_of_scope(std::string_view scope);

// A module that the runtime of an edge device owns ($edgeAgent, $edgeHub).
Identity make_system_module(const Identity& device, ModuleId module, Birth birth, Random& random);

}  // namespace twinhub::hub
