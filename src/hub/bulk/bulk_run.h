#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "hub/bulk/done_before.h"
#include "hub/bulk/rate.h"
#include "hub/shard.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace twinhub::hub {

class Shards;

// One twin that is to be changed.
struct BulkTarget {
    TwinId id;
    std::string generation;  // of the identity; "": whichever it is. Another: device_not_found
    // The work may have changed it already, before a restart or in a commit whose end nobody knows:
    // then its history is asked first.
    bool maybe_done = false;
};

struct BulkChange {
    enum class How : std::uint8_t {
        written,
        unchanged,  // nothing was to be written
        before,     // the work had done it already
    };
    How how = How::written;
    twin::Versions versions;  // that the work left behind; with `unchanged` those of the twin
};

struct BulkOutcome {
    std::size_t number = 0;  // of the target, as add() counts them
    Result<BulkChange> result;
};

// What is done to each twin.
struct BulkWork {
    // On the twin's loop, in the same turn as the change: nothing comes between what it reads and
    // what is written. Must be quick, and safe on several loops at once. Nothing: the twin stays
    // as it is.
    std::function<Result<std::optional<twin::ServiceUpdate>>(const TwinId&, const State& newest)>
        update;
    Author author;                    // author_of_work(); targets that are maybe_done are known
    Instant since{};                  // by its principal and cause, from this moment on
    std::size_t under_way_max = 512;  // of each shard, not yet durable
    std::shared_ptr<Rate> rate;       // may be shared between works of one loop; nullptr: no limit
};

// Work over many twins: each is changed on its own shard, many with one commit. Driven from one
// loop, on which everything here is called and the outcomes come in: in groups, in no particular
// order, each when it is durable. Nobody waits in it; add() may go on while it runs.
class BulkRun : public std::enable_shared_from_this<BulkRun> {
public:
    using Outcomes = std::function<void(std::span<const BulkOutcome>)>;

    // `home`: that loop. What it refers to outlives its loop's work.
    static std::shared_ptr<BulkRun> begin(Shards& shards, const Clock& clock, Executor home,
                                          BulkWork work, Outcomes outcomes);

    // Begins with as many as it may; the number of the first, those behind it follow.
    std::size_t add(std::vector<BulkTarget> targets);
    // Goes on where the rate held it back. About ten times a second.
    void tick();
    // Begins with no other. Those that had not begun will have no outcome; what is under way will.
    void cancel();

    std::size_t waiting() const;  // that have not begun
    std::size_t under_way() const { return under_way_; }
    bool is_idle() const { return under_way_ == 0 && waiting() == 0; }

private:
    struct Numbered {
        std::size_t number = 0;
        BulkTarget target;
    };
    using Group = std::vector<Numbered>;
    struct Side {  // of one shard
        std::deque<Numbered> waiting;
        std::size_t under_way = 0;
    };

    BulkRun(Shards& shards, const Clock& clock, Executor home, BulkWork work, Outcomes outcomes);
    void pump();
    void send(std::size_t side, Group group);
    static Task<std::vector<BulkOutcome>> change(std::shared_ptr<BulkRun> self, std::size_t side,
                                                 Group group);
    Task<> look_back(Shard& shard, Group& group, std::vector<BulkOutcome>& outcomes) const;
    void came(std::size_t side, std::vector<BulkOutcome> outcomes);

    Shards& shards_;
    const Clock& clock_;
    Executor home_;
    const BulkWork work_;
    const Outcomes outcomes_;
    std::vector<Side> sides_;
    std::size_t next_side_ = 0;
    std::size_t last_number_ = 0;
    std::size_t under_way_ = 0;
};

}  // namespace twinhub::hub
