#pragma once

#include "base/result.h"
#include "hub/events/hub_event.h"
#include "store/engine.h"

#include <cstdint>
#include <string>
#include <string_view>

// How the log of events keeps one. Part of the disk format.
namespace twinhub::hub {

// Events are numbered from 1 in the order in which they came.
std::string event_key(std::uint64_t number);
store::Range events_range(std::uint64_t first, std::uint64_t behind_last);
// Errors: corrupted, which names the record.
Result<std::uint64_t> parse_event_key(std::string_view key);

std::string sealed_event(std::string_view key, const HubEvent& event);
// Errors: corrupted, which names the record; not_implemented for one of a newer release.
Result<HubEvent> open_event(std::string_view key, std::string_view value);

}  // namespace twinhub::hub
