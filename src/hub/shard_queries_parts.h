#pragma once

#include "hub/as_of/past_table.h"
#include "hub/limits.h"
#include "hub/shard_queries.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

// What the two files of ShardQueries share.
namespace twinhub::hub {

// How long this query has had the loop, and when to let others have it.
class ShardQueries::Slice {
public:
    Slice(const Clock& clock, Executor executor, RunningQuery& query)
        : clock_(clock), executor_(std::move(executor)), query_(query), began_(clock.monotonic()) {}
    ~Slice() { charge(); }
    Slice(const Slice&) = delete;
    Slice& operator=(const Slice&) = delete;

    bool is_over() const { return clock_.monotonic() - began_ >= slice_time; }
    Task<> give_way() {
        charge();
        co_await asio::post(executor_, asio::use_awaitable);
        began_ = clock_.monotonic();
    }

private:
    void charge() {
        const Moment now = clock_.monotonic();
        const std::scoped_lock lock(query_.mutex);
        query_.work += now - began_;
        began_ = now;
    }

    const Clock& clock_;
    Executor executor_;
    RunningQuery& query_;
    Moment began_;
};

// The table first: the scan watches it.
struct ShardQueries::Past {
    std::shared_ptr<PastTable> table;
    fleet::Scan scan;
};

}  // namespace twinhub::hub
