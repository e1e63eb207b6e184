#pragma once

#include "hub/device_events.h"

#include <string>

namespace twinhub::gateway::http {

// A device-to-cloud message as one line of JSON, without its end (docs/cli.md):
// {"deviceId","moduleId"?,"enqueuedTime","properties","systemProperties"?,"body" or
// "bodyBase64"}. Names of system properties are those of Azure's message routing.
void append_event(std::string& out, const hub::DeviceEvent& event);

}  // namespace twinhub::gateway::http
