#pragma once

#include "hub/record.h"
#include "twin/change.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// Which changes are asked for; a member without a value asks for all.
struct HistoryFilter {
    enum class Part : std::uint8_t { any, tags, desired, reported, identity };
    Part part = Part::any;
    std::string author;  // the policy, or the device that reported
    // "fan.speed": that property of any part, or below it; "properties.desired.fan", "desired.fan",
    // "tags.site": of one part.
    std::string path;
};

// Errors: argument_invalid.
Result<HistoryFilter::Part> parse_history_part(std::string_view text);

// Who made a change, as `author` names it.
std::string_view author_name(const ChangeRecord& change);

// Leaves that are not asked for go.
void keep_matching(std::vector<twin::TouchedLeaf>& leaves, const HistoryFilter& filter);

// What a change did to the leaves asked for. The pointers live as long as `change`.
std::vector<twin::TouchedLeaf> leaves_of(const ChangeRecord& change, const HistoryFilter& filter);

bool matches(const ChangeRecord& change, const HistoryFilter& filter);

}  // namespace twinhub::hub
