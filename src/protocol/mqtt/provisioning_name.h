#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::protocol::mqtt {

// What the CONNECT of a device says that asks the provisioning service for its hub (spec
// device-protocols 7.2).
struct ProvisioningName {
    std::string scope;
    std::string registration;
    std::string agent;  // ClientVersion
};

// Reads `{scope}/registrations/{registration id}/api-version=...[&ClientVersion=...]`, with or
// without
// "?" in front of the query. Nothing when it is not of this form, or the client id is not the
// registration id: then it may be a device of the hub.
std::optional<ProvisioningName> parse_provisioning_name(std::string_view user_name,
                                                        std::string_view client_id);

}  // namespace twinhub::protocol::mqtt
