#pragma once

#include "base/ids.h"
#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// Rights of a shared access policy (spec device-protocols 6.3, service-api 11.1), as bits.
enum class Right : std::uint16_t {
    registry_read = 1,
    registry_write = 2,
    service_connect = 4,
    device_connect = 8,
    provisioning_config = 16,
    enrollment_read = 32,
    enrollment_write = 64,
    registration_read = 128,
    registration_write = 256,
};
using Rights = std::uint16_t;
constexpr Rights rights_of(std::initializer_list<Right> list) {
    Rights rights = 0;
    for (const Right right : list)
        rights = static_cast<Rights>(rights | static_cast<Rights>(right));
    return rights;
}

// Everything that any door can ask of the hub. One table in access.cc says what each needs;
// what is not in the table is refused.
enum class Operation : std::uint8_t {
    identity_read,
    identity_write,
    identity_delete,
    identity_bulk,
    identity_renew_keys,
    twin_read,
    twin_write,
    twin_query,
    statistics_read,
    service_statistics_read,
    method_invoke,
    message_send,
    commands_purge,
    feedback_receive,
    import_export_read,
    import_export_write,
    events_read,
    certificate_read,
    certificate_write,
    device_connect,
    device_twin_read,
    device_report,
    device_send,
    provisioning_read,
    enrollment_read,
    enrollment_write,
    enrollment_keys_read,
    registration_read,
    registration_delete,
    device_receive,  // messages to it
    linked_hub_write,
    device_register,  // with the provisioning service: to ask for a hub, and what became of it
    history_read,     // what a twin was, and who changed it
    twin_restore,
    job_read,
    job_write,
    configuration_read,
    configuration_write,
    configuration_apply,  // an edge device's modules as one content says
    rollout_read,
    rollout_write,
    changes_read,
    route_read,
    route_write,
};

// Who asks, once a credential proved it.
struct Principal {
    enum class Kind : std::uint8_t { nobody, policy, identity, registration };
    Kind kind = Kind::nobody;
    std::string name;  // the policy's name
    Rights rights = 0;
    TwinId id;  // the device or module itself; a registration id, which need not be a device yet
};

// The one door of access (seam 2): may `principal` do `operation` on `object`?
// `object` is empty for operations on the whole hub, and a registration id for those of devices
// that have no hub yet. Errors: unauthorized.
Result<> decide(const Principal& principal, Operation operation, const TwinId& object);

// A shared access policy of the hub, with decoded keys.
struct Policy {
    std::string name;
    Rights rights = 0;
    std::string primary_key;  // base64
    std::string secondary_key;
};

// The policies in force: an immutable set, swapped whole on reload.
class Policies {
public:
    Policies() = default;
    explicit Policies(std::vector<Policy> policies) : policies_(std::move(policies)) {}
    const Policy* find(std::string_view name) const;  // ASCII-case-insensitive (service-api 2.1)
    const std::vector<Policy>& all() const { return policies_; }

private:
    std::vector<Policy> policies_;
};

// The rights of the policies that a new hub has; 0 for another name.
Rights default_rights(std::string_view policy_name);

}  // namespace twinhub::hub
