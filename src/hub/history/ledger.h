#pragma once

#include "hub/history/change_log.h"
#include "twin/drift/policy.h"
#include "twin/drift/state.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

// One setting of one desired property of one twin, and what the device made of it: what an auditor
// asks for (spec twin-document 15).
struct LedgerEntry {
    TwinId id;
    std::string path;  // below desired
    Instant at{};      // when it was set
    std::uint64_t version = 0;
    std::uint64_t sequence = 0;  // of the change, as history numbers it
    Author author;
    std::optional<json::value> before;  // nothing: it was not there
    std::optional<json::value> after;   // nothing: it was removed

    // How the property stood by the documents when the next setting came, or stands now; nothing
    // for what is not tracked, which a removed one is.
    std::optional<twin::drift::State> state;
    Instant state_since{};
    std::optional<Instant> effective;     // when it first converged
    std::uint64_t effective_version = 0;  // of reported, then
    std::optional<std::int64_t> code;     // of the device's newest answer to it
    std::string words;
    bool superseded = false;  // by a later setting
};

struct LedgerBounds {
    Instant since = never;  // settings before it are left out
    std::size_t changes_max = 100'000;
};

struct Ledger {
    std::vector<LedgerEntry> entries;  // oldest first
    bool complete = true;              // false: older settings may be forgotten
};

// Everything set at `path` or below it in the life that this twin has now. Reads its changes from
// the newest back. Errors: device_not_found or module_not_found, history_unavailable (more changes
// than may be read), corrupted.
Result<Ledger> ledger_of(const ChangeLog& log, std::string_view path,
                         const twin::drift::Policy& policy, const LedgerBounds& bounds);

}  // namespace twinhub::hub
