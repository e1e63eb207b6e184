#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "hub/live_columns.h"
#include "hub/live_filter.h"
#include "hub/live_query.h"
#include "hub/metrics.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>

namespace twinhub::hub {

class Shard;

// How many live queries a hub has, those included that end soon.
using LiveCount = std::atomic<std::int64_t>;

// The part of all live queries that one shard does, on its loop: it notes each change when it
// becomes durable and tells the queries soon after, so that no commit waits for them. While there
// is no live query it hears of no change.
class ShardLive final : public LiveColumns::Listener {
public:
    ShardLive(Shard& shard, LiveColumns& columns, const Clock& clock, Metrics& metrics,
              std::shared_ptr<const LiveCount> count);
    ~ShardLive() override;

    // This shard's part of a snapshot was taken just now: from here on changes are told.
    void begin(const std::shared_ptr<LiveQuery>& query, std::uint64_t generation);
    void tick(Moment now);
    std::size_t queries() const { return watching_.size(); }

    void changed(RowChange change) override;

private:
    struct Watching {
        std::shared_ptr<LiveQuery> query;
        std::uint64_t generation = 0;
        std::uint64_t from = 0;  // the first change that it is told
        LiveFilter filter;
    };
    void schedule();
    void work();
    Task<> load(TwinId id);
    void tell(RowChange change);
    void give_up();

    Shard& shard_;
    LiveColumns& columns_;
    const Clock& clock_;
    Metrics& metrics_;
    std::shared_ptr<const LiveCount> count_;
    std::list<Watching> watching_;
    std::deque<RowChange> waiting_;  // changes to tell, oldest first
    std::uint64_t told_ = 0;         // how many were before the first of them
    bool scheduled_ = false;
    bool loading_ = false;
};

}  // namespace twinhub::hub
