#pragma once

#include "apps/cli/command.h"
#include "apps/client/service_client.h"

namespace twinhub::apps::cli {

// A message to a device as `az iot device c2d-message receive` shows it, from the answer that a
// device gets (spec device-protocols 5).
json::value shown_message(const ServiceResponse& response);

// What a device does with messages for it, done in its name.
std::vector<Command> received_message_commands();

}  // namespace twinhub::apps::cli
