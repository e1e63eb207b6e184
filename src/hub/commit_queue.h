#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "hub/metrics.h"
#include "store/committer.h"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace twinhub::hub {

// A shard's side of the committer. Changes of one turn of the loop gather in the open batch, which
// is handed over once, at the end of the turn (a wake-up across threads is dear); what became of it
// comes back to the loop, and the completions run in the order they were added.
//
// When a batch is lost, everything that was computed on top of it is lost with it: the batches on
// their way and the open one fail in the same moment, before anything new can be added.
class CommitQueue {
public:
    using Completion = std::move_only_function<void(const Result<>&)>;

    // `on_lost` runs before the completions of a loss: the owner takes back what it built on it.
    CommitQueue(Executor executor, store::Committer& committer, store::Stream stream,
                const Clock& clock, Metrics& metrics, std::function<void(const Error&)> on_lost);
    ~CommitQueue();
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;

    // The batch that goes out at the end of this turn. Every put wants a completion, or is_welcome
    // to be lost in silence (presence).
    store::Batch& batch();
    // Runs on this loop when everything put so far is durable, or lost.
    void on_settled(Completion completion);

    bool idle() const;
    bool failing() const;  // the last batch that settled was lost; any thread may ask

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace twinhub::hub
