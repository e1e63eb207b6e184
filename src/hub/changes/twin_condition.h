#pragma once

#include "hub/history/change_log.h"
#include "query/plan.h"

#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

namespace twinhub::hub {

// Whether the twin, as a change left it, meets a condition of the query language. What history does
// not know (connection, state of the identity, drift) is undefined there; a deleted twin is judged
// as it was last. Remembers the twins that it saw last, so that a reader of the feed takes each
// further change of a twin in one step. One thread at a time.
class TwinCondition {
public:
    // Errors: argument_invalid.
    static Result<std::shared_ptr<TwinCondition>> compile(std::string_view where);

    // The change is one of the snapshot. Errors: corrupted.
    Result<bool> holds(const std::shared_ptr<const store::Snapshot>& snapshot,
                       const KeptChange& change);
    // Further changes that were read for it so far: what a caller counts who bounds his work.
    std::size_t read() const { return read_; }

private:
    struct Known {
        KeptChange change;
        twin::Twin after;  // after the change; of a deletion: before it
        bool exists = false;
        std::list<TwinId>::iterator use;
    };
    explicit TwinCondition(query::Plan plan) : plan_(std::move(plan)) {}
    Result<std::optional<twin::Twin>> twin_after(
        const std::shared_ptr<const store::Snapshot>& snapshot, const KeptChange& change);
    // From the present back to the change.
    Result<std::optional<twin::Twin>> walk_back(
        const std::shared_ptr<const store::Snapshot>& snapshot, const KeptChange& wanted);
    void remember(const KeptChange& change, const twin::Twin& after);

    const query::Plan plan_;
    std::unordered_map<TwinId, Known> known_;
    std::list<TwinId> used_;  // newest first
    std::size_t read_ = 0;
};

}  // namespace twinhub::hub
