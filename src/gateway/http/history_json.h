#pragma once

#include "base/json_members.h"
#include "hub/drift/drifts.h"
#include "hub/history/density.h"
#include "hub/history/history.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// How the past of twins is asked for and told (docs/history.md).
namespace twinhub::gateway::http {

// A time, or how long before `now`: "2026-11-20T14:00:00Z", "-PT1H". Errors: argument_invalid.
Result<Instant> past_time(std::string_view text, Instant now, std::string_view where);

// Which moment is meant: `at`, or `at_version` of `part` (desired when empty, reported, twin).
// Errors: argument_invalid unless it is exactly one of them.
Result<hub::PastPoint> past_point(const std::optional<std::string>& at,
                                  std::optional<std::uint64_t> at_version, std::string_view part,
                                  Instant now);

// A number of a request: 0 and above. Errors: argument_invalid.
Result<std::uint64_t> count_of(std::string_view text, std::string_view where);

// What a change is told by, in the history of a twin and in the feed of all: the members of an
// object without its braces. With `drift` also how the device stands to what is still desired.
void append_change_members(std::string& out, const hub::KeptChange& kept,
                           std::span<const twin::TouchedLeaf> leaves,
                           const hub::TwinDrift* drift = nullptr);
// Led by a comma.
void append_versions(std::string& out, const twin::Versions& versions);

// What is shown with the changes of a page, if it is known.
struct HistoryExtras {
    const hub::TwinDrift* drift = nullptr;  // how desired values stand that are still desired
    const std::vector<hub::DensityBucket>* density = nullptr;
};
void append_history(std::string& out, const hub::HistoryPage& page,
                    const hub::HistoryFilter& filter, const HistoryExtras& extras);

// What is to be put back, and why.
struct RestoreOrder {
    hub::PastPoint point;
    hub::RestoreScope scope;
    std::string reason;
};
// {"at" or "atVersion" and "of", "parts", "paths", "reason"}; every other member is refused: a
// misspelt one must not restore more than was meant. Errors: argument_invalid, argument_null.
Result<RestoreOrder> read_restore(const json::object& body, Instant now);

}  // namespace twinhub::gateway::http
