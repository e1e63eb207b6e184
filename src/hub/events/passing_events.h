#pragma once

#include "hub/device_events.h"
#include "hub/events/hub_event.h"

#include <string>
#include <string_view>

namespace twinhub::hub {

// An event that passes by on a bus: a message of a device, or what the hub says in the same form
// (drift, connections, rollouts, jobs, configurations), whose properties name its opType. `id` is
// given to it here, since the bus has none; a message that names its own keeps both.
HubEvent event_of(const DeviceEvent& passing, EventSource source, std::string id,
                  std::string_view hub_name);

// Whether a message says of itself that it is JSON in UTF-8: only then its body can be asked about
// (spec query-language 8). Names as on the wire, or as conditions have them.
bool says_json(const EventProperties& system);

}  // namespace twinhub::hub
