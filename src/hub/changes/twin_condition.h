#pragma once

#include "hub/changes/twins_after.h"
#include "query/plan.h"

#include <memory>
#include <string_view>

namespace twinhub::hub {

// Whether the twin, as a change left it, meets a condition of the query language. What history does
// not know (connection, state of the identity, drift) is undefined there; a deleted twin is judged
// as it was last. One thread at a time.
class TwinCondition {
public:
    // Errors: argument_invalid.
    static Result<std::shared_ptr<TwinCondition>> compile(std::string_view where);

    // The change is one of the snapshot. Errors: corrupted.
    Result<bool> holds(const std::shared_ptr<const store::Snapshot>& snapshot,
                       const KeptChange& change);
    // Further changes that were read for it so far: what a caller counts who bounds his work.
    std::size_t read() const { return twins_.read(); }

private:
    explicit TwinCondition(query::Plan plan) : plan_(std::move(plan)) {}
    const query::Plan plan_;
    TwinsAfter twins_;
};

}  // namespace twinhub::hub
