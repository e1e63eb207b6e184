#pragma once

#include "hub/history/change_log.h"

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

namespace twinhub::hub {

// The twins that changes of the feed left behind. Remembers those that it made last, so that a
// reader who goes through the feed takes each further change of a twin in one step. One thread at a
// time.
class TwinsAfter {
public:
    // The twin as the change left it, and as it was last for a deletion; nothing when nobody knows
    // (deletions of older releases). The change is one of the snapshot. Errors: corrupted.
    Result<std::optional<twin::Twin>> after(const std::shared_ptr<const store::Snapshot>& snapshot,
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
    Result<std::optional<twin::Twin>> make(const std::shared_ptr<const store::Snapshot>& snapshot,
                                           const KeptChange& change);
    void remember(const KeptChange& change, const twin::Twin& after);

    std::unordered_map<TwinId, Known> known_;
    std::list<TwinId> used_;  // newest first
    std::size_t read_ = 0;
};

}  // namespace twinhub::hub
