#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/changes/change_cursor.h"
#include "store/engine.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace twinhub::hub {

// What the store keeps about the feed as a whole. Part of the disk format.
struct FeedState {
    std::string feed;                                  // its name, of feed_name_bytes
    std::array<std::uint64_t, slot_count> released{};  // see ReleasedChanges

    friend bool operator==(const FeedState&, const FeedState&) = default;
};

std::string feed_state_key();
std::string encoded_feed_state(const FeedState& state);  // the framed value
// Nothing: this store has never had a feed. Errors: corrupted.
Result<std::optional<FeedState>> stored_feed_state(const store::Engine& engine);

// Writes the first rows of the commit index for the changes that an older release left: the order
// in which they were made, as far as their times tell, a few hundred a row. Whatever an interrupted
// attempt left is replaced. The state is not written: its owner does that when this is done.
// Errors: corrupted, and those of Engine::commit.
Result<> index_kept_changes(store::Engine& engine);

// Rows of commits that are older than a moment, from the oldest on.
struct Releasable {
    std::uint64_t rows = 0;   // none: there is nothing to let go of
    std::uint64_t first = 0;  // number of the oldest row
    std::uint64_t keep = 0;   // number of the first row that stays
    // The row that stays is itself old: it goes on without its changes, because the newest row is
    // what numbers go on from.
    bool empties = false;
    Instant emptied_at{};
    std::array<std::uint64_t, slot_count> last{};  // newest sequence of each slot in them
    bool more = false;
};
// Looks at a bounded number of rows. Errors: corrupted.
Result<Releasable> find_releasable(const store::Engine& engine, Instant older_than);

}  // namespace twinhub::hub
