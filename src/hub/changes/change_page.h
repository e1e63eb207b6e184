#pragma once

#include "hub/changes/change_cursor.h"
#include "hub/changes/change_filter.h"
#include "hub/history/change_log.h"
#include "store/engine.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace twinhub::hub {

class TwinCondition;

// One change of the feed with its place.
struct FeedChange {
    ChangeCursor after;   // a reader who has had it goes on here
    Instant committed{};  // when it became durable
    KeptChange change;    // the record and its sequence
};

struct ChangesRequest {
    enum class Order : std::uint8_t { oldest, newest };
    Order order = Order::oldest;
    // Oldest first: what is behind it. Newest first: what is before it.
    ChangeCursor from;
    // Oldest first: not beyond; nothing: up to the newest.
    std::optional<ChangeCursor> until;
    std::size_t changes_max = 500;
    std::size_t bytes_max = std::size_t{1} << 20;  // of stored changes; one may be larger
    ChangeFilter filter;
    // Asked of each change that the filter lets through. Remembers twins between pages of one
    // reader, who has one page read at a time.
    std::shared_ptr<TwinCondition> condition;
};

struct ChangesPage {
    std::vector<FeedChange> changes;  // may be empty although there is more
    ChangeCursor next;                // `from` of the page behind this one
    bool at_end = false;              // there is none at this moment
};

// What the feed of a store holds, at one moment.
struct FeedSpan {
    ChangeCursor oldest;  // everything from here on is there
    ChangeCursor newest;  // behind the newest change
};
// May wait for the disk, as all below. Errors: corrupted.
Result<FeedSpan> feed_span(const store::Snapshot& snapshot);

// Looks at a bounded number of changes. Errors: history_unavailable (what is behind `from` is no
// longer kept), argument_invalid (`from` is of no change that is or was here), corrupted, and those
// of the condition.
Result<ChangesPage> read_changes(const std::shared_ptr<const store::Snapshot>& snapshot,
                                 const ChangesRequest& request);

// The place in front of the first commit that was durable at that time or later. Where the clock
// was set back it is one of several.
Result<ChangeCursor> place_at(const store::Snapshot& snapshot, Instant time);

}  // namespace twinhub::hub
