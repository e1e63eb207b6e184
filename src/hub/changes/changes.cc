#include "hub/changes/changes.h"

#include "hub/commit_queue.h"
#include "hub/hub.h"
#include "hub/streams.h"
#include "store/commit_index.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;
using store::Family;

constexpr auto release_every = 1s;

}  // namespace

struct Changes::Subscription::State {
    Executor executor;
    // Touched on its own loop only; nullptr: heard enough.
    std::shared_ptr<const std::function<void()>> news;
    std::atomic<bool> waiting = false;
};

Changes::Subscription::~Subscription() {
    state_->news = nullptr;
    changes_.states_.update([this](const std::shared_ptr<const States>& old) {
        auto remaining = std::make_shared<States>(*old);
        std::erase(*remaining, state_);
        return remaining;
    });
    changes_.heard_.fetch_sub(1, std::memory_order_relaxed);
}

Changes::Changes(Hub& hub) : hub_(hub) {}
Changes::~Changes() = default;

Result<> Changes::load() {
    Shards& shards = hub_.shards();
    store::Engine& engine = shards.engine();
    TRY(std::optional<FeedState> state, stored_feed_state(engine));
    if (!state) {
        TRY_VOID(index_kept_changes(engine));
        state.emplace();
        state->feed.resize(feed_name_bytes);
        hub_.random().fill(std::as_writable_bytes(std::span(state->feed)));
        store::Batch batch;
        batch.put(Family::metadata, feed_state_key(), encoded_feed_state(*state));
        const store::Batch* const batches[] = {&batch};
        TRY_VOID(engine.commit(batches));
    }
    feed_ = state->feed;
    for (std::uint32_t slot = 0; slot < slot_count; ++slot)
        released_.raise(static_cast<Slot>(slot), state->released[slot]);
    TRY(const std::uint64_t last, store::last_commit(engine));
    newest_.store(last + 1, std::memory_order_release);
    queue_ = std::make_unique<CommitQueue>(shards.at(0).executor(), hub_.committer(),
                                           stream_of(Work::changes, shards.size()), hub_.clock(),
                                           hub_.metrics(), [](const Error&) {});
    return {};
}

void Changes::written(std::uint64_t commit) {
    newest_.store(commit + 1, std::memory_order_release);
    if (heard_.load(std::memory_order_relaxed) == 0) return;
    const auto states = states_.load();
    for (const auto& state : *states) {
        if (state->waiting.exchange(true)) continue;
        asio::post(state->executor, [state] {
            // First: what is written from here on is news again.
            state->waiting.store(false);
            if (const auto news = state->news) (*news)();
        });
    }
}

std::unique_ptr<Changes::Subscription> Changes::listen(Executor executor,
                                                       std::function<void()> news) {
    auto state = std::make_shared<Subscription::State>();
    state->executor = std::move(executor);
    state->news = std::make_shared<const std::function<void()>>(std::move(news));
    states_.update([&state](const std::shared_ptr<const States>& old) {
        auto more = std::make_shared<States>(*old);
        more->push_back(state);
        return more;
    });
    heard_.fetch_add(1, std::memory_order_relaxed);
    return std::unique_ptr<Subscription>(new Subscription(*this, std::move(state)));
}

Task<Result<ChangesPage>> Changes::read(ChangesRequest request) const {
    Shards& shards = hub_.shards();
    co_return co_await shards.off_loop<Result<ChangesPage>>(
        [&shards, &request] { return read_changes(shards.engine().snapshot(), request); });
}

Task<Result<ChangeCursor>> Changes::oldest() const {
    Shards& shards = hub_.shards();
    co_return co_await shards.off_loop<Result<ChangeCursor>>([&shards]() -> Result<ChangeCursor> {
        TRY(const FeedSpan span, feed_span(*shards.engine().snapshot()));
        return span.oldest;
    });
}

Task<Result<ChangeCursor>> Changes::end() const {
    Shards& shards = hub_.shards();
    co_return co_await shards.off_loop<Result<ChangeCursor>>([&shards]() -> Result<ChangeCursor> {
        TRY(const FeedSpan span, feed_span(*shards.engine().snapshot()));
        return span.newest;
    });
}

Task<Result<ChangeCursor>> Changes::at(Instant time) const {
    Shards& shards = hub_.shards();
    co_return co_await shards.off_loop<Result<ChangeCursor>>(
        [&shards, time] { return place_at(*shards.engine().snapshot(), time); });
}

// The feed lets go of a change before retention may remove it: so it never has one that is gone.
void Changes::tick() {
    const Moment now = hub_.clock().monotonic();
    if (releasing_ || now < next_release_) return;
    next_release_ = now + release_every;
    releasing_ = true;
    Shards& shards = hub_.shards();
    const Instant older_than = hub_.clock().now() - hub_.settings().history_age;
    asio::post(shards.pool(), [this, &shards, older_than] {
        asio::post(shards.at(0).executor(),
                   [this, found = find_releasable(shards.engine(), older_than)] {
                       if (found && found->rows != 0) return release(*found);
                       releasing_ = false;
                       if (!found)
                           hub_.log().error("changes.unreadable", {{"what", found.error().message},
                                                                   {"where", found.error().where}});
                   });
    });
}

void Changes::release(const Releasable& found) {
    FeedState state{.feed = feed_, .released = {}};
    for (std::uint32_t i = 0; i < slot_count; ++i)
        state.released[i] = std::max(released_.last(static_cast<Slot>(i)), found.last[i]);
    store::Batch& batch = queue_->batch();
    batch.remove_range(Family::metadata, store::commit_key(found.first),
                       store::commit_key(found.keep));
    if (found.empties) {
        const std::string key = store::commit_key(found.keep);
        std::string value;
        store::seal_commit(value, key, {.at = found.emptied_at, .parts = {}});
        batch.put(Family::metadata, key, value);
    }
    batch.put(Family::metadata, feed_state_key(), encoded_feed_state(state));
    queue_->on_settled(
        [this, released = state.released, more = found.more](const Result<>& result) {
            releasing_ = false;
            if (!result) return;
            for (std::uint32_t slot = 0; slot < slot_count; ++slot)
                released_.raise(static_cast<Slot>(slot), released[slot]);
            if (more)
                next_release_ = {};  // a busy hub writes faster than one look a second follows
        });
}

}  // namespace twinhub::hub
