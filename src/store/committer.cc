#include "store/committer.h"

#include "store/commit_index.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace twinhub::store {
namespace {

struct Item {
    Submission own;
    std::size_t bytes = 0;
    bool refused = false;  // the queue was full: the batch is dropped, the answer keeps its place
};

void count(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
    counter.fetch_add(by, std::memory_order_relaxed);
}

Result<> stopped() { return failure(Code::unavailable, "The store is stopping"); }
Result<> queue_full() {
    return failure(Code::unavailable, "Too many changes are waiting for the disk");
}
Result<> built_on_lost() {
    return failure(Code::unavailable, "An earlier change of the same shard could not be stored");
}

}  // namespace

struct Committer::State {
    State(Engine& its_engine, const Clock& its_clock, CommitterOptions its_options)
        : engine(its_engine), clock(its_clock), options(std::move(its_options)) {}

    Engine& engine;
    const Clock& clock;
    const CommitterOptions options;
    CommitterMetrics metrics;

    std::mutex mutex;
    std::condition_variable wake;
    std::vector<Item> submitted;    // guarded by mutex, as are the next three
    std::size_t waiting_bytes = 0;  // submitted and not yet answered
    bool sleeping = false;
    bool stopping = false;

    // The rest belongs to the committing thread.
    std::vector<Item> taken;  // swapped with `submitted`, so both keep their memory
    std::deque<Item> work;
    std::unordered_map<Stream, std::uint64_t> lost;  // highest generation of which a batch failed
    CommitNotes notes;
    std::optional<std::uint64_t> last_number;  // of the index; known from the first write on
    Batch row;
    std::string row_value;

    std::once_flag stop_once;
    std::thread thread;

    // Under the lock.
    void enqueue(Submission submission) {
        Item item{std::move(submission)};
        item.bytes = item.own.batch.bytes();
        if (waiting_bytes > 0 && waiting_bytes + item.bytes > options.queue_bytes_max) {
            item.refused = true;
            item.own.batch = Batch();
            item.bytes = 0;
        }
        waiting_bytes += item.bytes;
        submitted.push_back(std::move(item));
    }

    // Moves what was submitted to `work`. With `wait`: sleeps until there is something or the end
    // comes. False: nothing to do.
    bool take(bool wait) {
        {
            std::unique_lock lock(mutex);
            while (wait && work.empty() && submitted.empty() && !stopping) {
                sleeping = true;
                wake.wait(lock);
                sleeping = false;
            }
            taken.swap(submitted);
        }
        for (Item& item : taken) work.push_back(std::move(item));
        taken.clear();
        return !work.empty();
    }

    bool is_lost(const Item& item) const {
        const auto found = lost.find(item.own.stream);
        return found != lost.end() && item.own.generation <= found->second;
    }

    void lose(const Item& item) {
        auto& generation = lost[item.own.stream];
        generation = std::max(generation, item.own.generation);
    }

    // Makes one write of the front of `work` and answers it.
    void write_group() {
        std::vector<const Batch*> batches;
        std::vector<Result<>> answers;  // of the items that go no further; success: to be written
        std::size_t bytes = 0;
        for (const Item& item : work) {
            if (!batches.empty() && bytes + item.bytes > options.write_bytes_max) break;
            if (item.refused) {
                answers.push_back(queue_full());
                count(metrics.batches_refused);
                lose(item);
            } else if (is_lost(item)) {
                answers.push_back(built_on_lost());
            } else {
                answers.emplace_back();
                if (item.own.batch.empty()) continue;
                batches.push_back(&item.own.batch);
                bytes += item.bytes;
            }
        }
        const std::uint64_t numbered = last_number.value_or(0);
        const Result<> written = batches.empty() ? Result<>{} : commit(batches);
        answer(answers, written);
        if (options.indexed && last_number && *last_number != numbered)
            options.indexed(*last_number);
    }

    // Adds the row of this write, when it holds changes. True: it did.
    Result<bool> index(std::vector<const Batch*>& batches) {
        if (!options.index_changes) return false;
        if (!last_number) {
            TRY(last_number, last_commit(engine));
        }
        for (const Batch* batch : batches) notes.add(*batch);
        if (notes.empty()) return false;
        const std::string key = commit_key(*last_number + 1);
        row.clear();
        row_value.clear();
        seal_commit(row_value, key, notes.take(clock.now()));
        row.put(Family::metadata, key, row_value);
        batches.push_back(&row);
        return true;
    }

    Result<> commit(std::vector<const Batch*>& batches) {
        const Result<bool> indexed = index(batches);
        if (!indexed) {
            count(metrics.commits_failed);
            return failure(Code::unavailable, indexed.error().message, indexed.error().where);
        }
        const Moment start = clock.monotonic();
        Result<> written = engine.commit(batches);
        if (!written) {
            count(metrics.commits_failed);
            return written;
        }
        if (*indexed) ++*last_number;
        metrics.commit_time.add(clock.monotonic() - start);
        count(metrics.commits);
        return written;
    }

    void answer(std::span<const Result<>> answers, const Result<>& written) {
        std::size_t bytes = 0;
        for (const Result<>& own : answers) {
            Item& item = work.front();
            // An empty batch was no part of the write: only its own stream's losses concern it.
            const Result<> barrier = is_lost(item) ? built_on_lost() : Result<>{};
            const Result<>& result = !own ? own : item.own.batch.empty() ? barrier : written;
            if (result) {
                count(metrics.batches);
                count(metrics.records, item.own.batch.operations());
                count(metrics.bytes, item.bytes);
            } else {
                count(metrics.batches_failed);
                lose(item);
            }
            item.own.done(result);
            bytes += item.bytes;
            work.pop_front();
        }
        {
            const std::lock_guard lock(mutex);
            waiting_bytes -= bytes;
            metrics.queue_bytes.store(waiting_bytes, std::memory_order_relaxed);
        }
        if (options.settled) options.settled();
    }

    void run() {
        while (take(true)) write_group();
    }
};

Committer::Committer(Engine& engine, const Clock& clock, CommitterOptions options)
    : state_(std::make_unique<State>(engine, clock, std::move(options))) {
    if (state_->options.threaded)
        state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Committer::~Committer() { stop(); }

void Committer::submit(Stream stream, std::uint64_t generation, Batch batch, Done done) {
    std::vector<Submission> turn;
    turn.push_back({stream, generation, std::move(batch), std::move(done)});
    submit(turn);
}

void Committer::submit(std::vector<Submission>& turn) {
    if (turn.empty()) return;
    bool notify = false;
    {
        std::unique_lock lock(state_->mutex);
        if (state_->stopping) {
            lock.unlock();
            for (Submission& submission : turn) submission.done(stopped());
            turn.clear();
            return;
        }
        for (Submission& submission : turn) state_->enqueue(std::move(submission));
        state_->metrics.queue_bytes.store(state_->waiting_bytes, std::memory_order_relaxed);
        // One wake-up a sleep, however many submit before the committer is up.
        notify = std::exchange(state_->sleeping, false);
    }
    turn.clear();
    if (notify) state_->wake.notify_one();
}

void Committer::stop() {
    std::call_once(state_->stop_once, [this] {
        {
            const std::lock_guard lock(state_->mutex);
            state_->stopping = true;
        }
        state_->wake.notify_one();
        if (state_->thread.joinable()) state_->thread.join();
        while (state_->take(false)) state_->write_group();
    });
}

bool Committer::run_once() {
    CHECK(!state_->options.threaded);
    if (!state_->take(false)) return false;
    state_->write_group();
    return true;
}

const CommitterMetrics& Committer::metrics() const { return state_->metrics; }

}  // namespace twinhub::store
