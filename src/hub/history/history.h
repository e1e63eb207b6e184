#pragma once

#include "base/task.h"
#include "hub/history/history_filter.h"
#include "hub/history/restore.h"
#include "hub/history/twin_then.h"
#include "hub/hub.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace twinhub::hub {

inline constexpr std::size_t history_page_max = 1000;
inline constexpr std::size_t history_page_default = 50;

struct HistoryRequest {
    std::optional<std::uint64_t> before;  // older than this change
    std::optional<Instant> until;         // not younger than this
    std::size_t limit = history_page_default;
    HistoryFilter filter;
};

// Changes from the newest back.
struct HistoryPage {
    std::vector<KeptChange> changes;
    std::optional<std::uint64_t> next;  // `before` of the next page; nothing at the end
    Instant oldest_kept = never;  // older changes may be missing; `never`: nothing is forgotten
};

// The past of twins (issue "History"): callable on any loop; reads run on the pool, over one moment
// of the store.
class History {
public:
    explicit History(Hub& hub) : hub_(hub) {}

    // Looks at a bounded number of changes: a page may hold fewer than asked for and go on.
    // Errors: device_not_found or module_not_found (neither it nor a trace of it is there),
    // argument_invalid (`before` is no change of it).
    Task<Result<HistoryPage>> page(TwinId id, HistoryRequest request);

    // Errors: those of twin_then, argument_invalid for a time that is still to come.
    Task<Result<TwinThen>> at(TwinId id, PastPoint point);

    // Writes what the twin was into what it is, as one PATCH that names only what differs: new
    // versions, and the device hears of the desired properties. Nothing differs: nothing is
    // written. Answers with the twin as it is then. Errors: those of at, and those of an update.
    Task<Result<TwinView>> restore(TwinId id, PastPoint point, RestoreScope scope,
                                   twin::Match match, Author author);

private:
    Hub& hub_;
};

}  // namespace twinhub::hub
