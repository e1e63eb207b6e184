#pragma once

#include "base/shared_value.h"
#include "base/task.h"
#include "hub/changes/change_page.h"
#include "hub/changes/feed_state.h"
#include "hub/changes/released.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::hub {

class CommitQueue;
class Hub;

// Every change of every twin and identity, in the order in which they became durable: of one twin
// in the order in which they were made, without a gap. What is kept reaches back as far as the age
// of history says, whole: nothing between its oldest change and its newest is missing. Deletions
// are changes, and those of deleted twins stay.
class Changes {
public:
    explicit Changes(Hub& hub);
    ~Changes();

    // Reads what is stored; before the loops run, and before anything is committed. A store of an
    // older release gets its index here. Errors: corrupted, which names the record.
    Result<> load();
    // About ten times a second, on the first loop.
    void tick();

    // One page, read on the pool from one moment of the store; callable on any loop. Errors: those
    // of read_changes.
    Task<Result<ChangesPage>> read(ChangesRequest request) const;

    // Behind the newest change of which there has been news: what was acknowledged in this moment
    // may be missing. Any thread.
    ChangeCursor newest() const { return {newest_.load(std::memory_order_acquire), 0}; }
    // Behind everything that is durable, all that was acknowledged included.
    Task<Result<ChangeCursor>> end() const;
    // In front of everything that is kept, and of what became durable at that time or later.
    Task<Result<ChangeCursor>> oldest() const;
    Task<Result<ChangeCursor>> at(Instant time) const;

    // As clients keep it. Errors of parse: argument_invalid.
    std::string text(const ChangeCursor& cursor) const { return cursor_text(feed_, cursor); }
    Result<ChangeCursor> parse(std::string_view text) const { return parse_cursor(feed_, text); }

    // Hears on its executor, until destroyed, that something newer is durable; several news that
    // wait there are one. Never holds up a commit.
    class Subscription {
    public:
        ~Subscription();
        Subscription(const Subscription&) = delete;
        Subscription& operator=(const Subscription&) = delete;

    private:
        friend class Changes;
        struct State;
        Subscription(Changes& changes, std::shared_ptr<State> state)
            : changes_(changes), state_(std::move(state)) {}
        Changes& changes_;
        std::shared_ptr<State> state_;
    };
    // Begins and ends on the listener's loop, which must outlive the committer, as this must
    // outlive the subscription.
    std::unique_ptr<Subscription> listen(Executor executor, std::function<void()> news);

    const ReleasedChanges& released() const { return released_; }
    // From the committer: that write is durable.
    void written(std::uint64_t commit);

private:
    void release(const Releasable& found);

    using States = std::vector<std::shared_ptr<Subscription::State>>;
    Hub& hub_;
    std::string feed_;
    ReleasedChanges released_;
    std::atomic<std::uint64_t> newest_ = 1;  // the number that the next commit will have
    SharedValue<const States> states_{std::make_shared<const States>()};
    std::atomic<std::size_t> heard_ = 0;
    std::unique_ptr<CommitQueue> queue_;
    Moment next_release_{};
    bool releasing_ = false;
};

}  // namespace twinhub::hub
