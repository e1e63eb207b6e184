#pragma once

#include "base/task.h"
#include "hub/history/ledger.h"
#include "hub/hub.h"

#include <functional>
#include <string>
#include <vector>

namespace twinhub::hub {

inline constexpr std::size_t ledger_entries_max = 100'000;  // of one answer

struct FleetLedgerRequest {
    std::string path;   // below desired; empty: everything
    std::string where;  // a bare condition, or FROM devices.modules WHERE ...; empty: every device
    Instant since = never;
    std::string principal;                               // whose budget of queries it is
    std::function<bool()> wanted = [] { return true; };  // asked on any loop
};

// The ledgers of many twins, in the order of the ids.
struct FleetLedger {
    std::size_t twins = 0;             // looked at
    std::size_t incomplete = 0;        // of them, with settings that are forgotten
    std::vector<LedgerEntry> entries;  // of each twin oldest first
};

// Who set a property on which devices, and when it took effect there. Each twin is read at one
// moment of its own; runs on the pool. Errors: argument_invalid (a condition that cannot be read),
// message_too_large (more entries than fit in one answer), those of ledger_of but for twins that
// are gone meanwhile.
Task<Result<FleetLedger>> fleet_ledger(Hub& hub, FleetLedgerRequest request);

}  // namespace twinhub::hub
