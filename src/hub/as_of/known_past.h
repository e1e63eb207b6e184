#pragma once

#include "hub/as_of/past_slot.h"
#include "hub/as_of/past_table.h"
#include "query/plan.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace twinhub::hub {

// What a query about the past asks of a shard.
struct PastQuestion {
    Instant at{};
    query::Collection collection = query::Collection::devices;
    bool judged = false;              // reads how twins stood
    std::optional<Slot> only_slot{};  // where all rows of the answer are

    friend bool operator==(const PastQuestion&, const PastQuestion&) = default;
};

// What the twins of a shard that have changed since a moment were then. It only grows: the past
// stays as it was, and what has changed since stays changed.
struct KnownPast {
    PastQuestion question;
    // By slot: the changes up to here are in it. Empty: it knows nothing yet.
    std::vector<std::uint64_t> through;
    std::unordered_set<TwinId> changed;   // not what they were, or read from the store anyway
    std::vector<std::uint64_t> left_out;  // rows of the columns that these have or had, a bit each
    std::shared_ptr<PastTable> table;     // what they were, of those that existed

    void leave_out(fleet::Row row);
};

// The moments that were asked about last, so that whoever asks again pays for what has changed in
// between alone. Of one shard, on its loop.
class KnownPasts {
public:
    // What is kept of all moments together, in twins. More is read anew for each question.
    static constexpr std::size_t twins_max = 25'000;
    static constexpr std::size_t moments_max = 8;
    static constexpr std::chrono::minutes age_max{5};  // since it was last asked for

    // What is known about a question, for its asker alone; nullptr when that is nothing.
    std::unique_ptr<KnownPast> take(const PastQuestion& question);
    // Gives it back to be taken again. Returns what that leaves no room for.
    std::vector<std::unique_ptr<KnownPast>> keep(std::unique_ptr<KnownPast> past, Moment now);
    // Returns what nobody has asked for lately.
    std::vector<std::unique_ptr<KnownPast>> forget_old(Moment now);
    std::size_t twins() const;  // kept

private:
    struct Kept {
        std::unique_ptr<KnownPast> past;
        Moment used{};
    };
    std::vector<Kept> kept_;  // used last at the end
};

}  // namespace twinhub::hub
