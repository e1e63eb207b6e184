#pragma once

#include "base/time.h"
#include "twin/twin.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::twin {

// What the service view shows of the identity beside the twin (spec twin-document 1).
// Empty text means "unset"; unset members are left out or null as the spec says.
struct IdentityFacts {
    std::string_view device_id;
    std::string_view module_id;    // empty for a device
    std::string_view device_etag;  // of the identity record
    bool enabled = true;
    std::string_view status_reason;
    Instant status_update_time = never;
    bool connected = false;
    Instant last_activity_time = never;
    std::uint64_t cloud_to_device_message_count = 0;
    std::string_view authentication_type = "sas";  // sas selfSigned certificateAuthority none
    std::string_view primary_thumbprint;
    std::string_view secondary_thumbprint;
    bool iot_edge = false;
    std::string_view device_scope;
    std::span<const std::string> parent_scopes;
    const Object* configurations = nullptr;  // by id, their status; nullptr: there are none
};

// The whole twin as services read it, with $metadata (spec service-api 5.2).
void append_service_view(std::string& out, const IdentityFacts& identity, const Twin& twin);

// The two property sections as the device reads them: no tags, no $metadata (device-protocols 2.2).
void append_device_view(std::string& out, const Twin& twin);

// One section as an object: its values; with `metadata` also $metadata (desired and reported); for
// desired and reported always $version. The piece from which events are put together.
enum class Metadata : std::uint8_t { without, with };
void append_section(std::string& out, const Twin& twin, Part part, Metadata metadata);

}  // namespace twinhub::twin
