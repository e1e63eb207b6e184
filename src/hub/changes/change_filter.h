#pragma once

#include "hub/author.h"
#include "hub/history/history_filter.h"
#include "twin/twin.h"

#include <optional>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// Which changes of the fleet are asked for; a member without a value asks for all.
struct ChangeFilter {
    HistoryFilter content;
    std::optional<Cause> cause;
    std::optional<TwinId> twin;      // this one alone
    std::optional<DeviceId> device;  // it and its modules
};

// What a change did to the leaves asked for. A creation sets every leaf that the twin began with, a
// deletion takes every one that it had. The pointers live as long as the change and this do.
struct ToldLeaves {
    std::optional<twin::Twin> whole;
    std::vector<twin::TouchedLeaf> leaves;
};
// Errors: corrupted.
Result<ToldLeaves> told_leaves(const ChangeRecord& change, const HistoryFilter& filter);

// Errors: corrupted.
Result<bool> matches(const ChangeRecord& change, const ChangeFilter& filter);

// "rest", "device", "provisioning", "job", "configuration", "rollback", "import", "rollout".
// Errors: argument_invalid, which names them.
Result<Cause> parse_cause(std::string_view text);
std::string_view name_of(Cause cause);

}  // namespace twinhub::hub
