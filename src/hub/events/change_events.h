#pragma once

#include "hub/events/hub_event.h"
#include "hub/record.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

// Which event a change makes: none for what concerns the identity alone (spec twin-document 12).
std::optional<EventSource> event_source_of(const ChangeRecord& change);

// Whether its event shows the whole twin, which the record does not hold: replaceTwin.
bool needs_twin(const ChangeRecord& change);

// The event of a change that makes one. `sequence` is its place in its slot, and with it part of
// the event's id. `after`: the twin after it, for one that needs_twin; where nobody knows it, the
// event shows what was written. Errors: corrupted.
Result<HubEvent> event_of(const ChangeRecord& change, std::uint64_t sequence,
                          std::string_view hub_name, const twin::Twin* after);

// ISO 8601 with all seven digits, as events write operationTimestamp.
std::string seven_digits(Instant at);

}  // namespace twinhub::hub
