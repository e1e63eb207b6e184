#pragma once

#include <optional>
#include <string>
#include <string_view>

// The topics of the provisioning service (spec device-protocols 7.2). All are exact.
namespace twinhub::protocol::mqtt {

inline constexpr std::string_view provisioning_filter = "$dps/registrations/res/#";

// What a device asks. Views point into the topic.
struct ProvisioningRequest {
    std::string_view rid;        // echoed as it is
    std::string_view operation;  // empty: register
};

// Nothing for any other topic.
std::optional<ProvisioningRequest> parse_provisioning_topic(std::string_view topic);

// `$dps/registrations/res/{status}/?$rid={rid}[&retry-after={seconds}]`: some clients split it at
// "$", others by a pattern, so nothing else may be in it.
std::string make_provisioning_topic(int status, std::string_view rid, long long retry_after);

}  // namespace twinhub::protocol::mqtt
