#pragma once

#include "base/ids.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::amqp {

// What the address of a link means (spec device-protocols 4.3 and 7.4, service-api 10.4).
enum class Endpoint : std::uint8_t {
    unknown,
    cbs,
    twin,
    methods,
    events,    // a device's messages; read from, the inputs of a module
    messages,  // cloud-to-device
    service_messages,
    service_feedback,
    service_file_notifications,
    registration,  // a device at the provisioning service
};

struct Address {
    Endpoint endpoint = Endpoint::unknown;
    // Of a device's endpoints: whom it may mean, the likeliest first. Some clients escape ids and
    // some do not, and an id may hold a percent sign.
    std::vector<TwinId> identities;
    // Of `registration`, as sent.
    std::string id_scope;
    std::string registration_id;
};

// A path, with or without a slash before it, or a URI with one. Fixed segments match in any case of
// letters, ids exactly.
Address parse_address(std::string_view text);

// `to` of a cloud-to-device message: `/devices/{encoded id}/messages/devicebound`, module form
// likewise. The same as parse_address, for that endpoint alone.
std::vector<TwinId> parse_recipient(std::string_view text);

// The path part of a resource `host/devices/id[/modules/id][/...]`, as CBS names it and as a token
// signs it: whom it may mean, decoded once first, then twice (.NET). Empty when it names nobody.
std::vector<TwinId> parse_resource(std::string_view resource);

}  // namespace twinhub::protocol::amqp
