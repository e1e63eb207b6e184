#pragma once

#include "gateway/outgoing/outgoing.h"
#include "hub/events/hub_event.h"

#include <string>
#include <string_view>

// Events as the world outside knows them: CloudEvents 1.0 (docs/routes.md).
namespace twinhub::gateway {

// "twinhub.twin.updated", "twinhub.device.created", ...
std::string cloud_event_type(const hub::HubEvent& event);

// The event as one JSON object. Its data is the same in every mode:
// {"properties", "systemProperties", "body" or "bodyBase64"}.
void append_cloud_event(std::string& out, const hub::HubEvent& event, std::string_view hub);
std::string cloud_event_data(const hub::HubEvent& event);

// The attributes of an event in binary mode, each name led by `prefix` ("ce-", "ce_", ""); values
// as RFC 3986 escapes them where the protocol takes printable ASCII alone.
OutgoingHeaders cloud_event_attributes(const hub::HubEvent& event, std::string_view hub,
                                       std::string_view prefix);

}  // namespace twinhub::gateway
