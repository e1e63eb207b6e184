#pragma once

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/loop.h"
#include "hub/hub.h"
#include "hub/slot_facts.h"
#include "store/committer.h"
#include "store/memory/memory_engine.h"
#include "twin/codec.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

// What the tests of this room share: a hub on a store in memory that the test turns by hand, on one
// thread, so that every order of events can be chosen and repeated.
namespace twinhub::hub::testing {

// Stands still until it is moved. Safe on any thread.
class TestClock final : public Clock {
public:
    Instant now() const override { return start + Ticks{ticks_.load()}; }
    Moment monotonic() const override {
        return Moment{std::chrono::hours{1}} +
               std::chrono::duration_cast<Moment::duration>(Ticks{ticks_.load()});
    }
    void advance(Ticks by) { ticks_ += by.count(); }

    static constexpr Instant start{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

private:
    std::atomic<std::int64_t> ticks_ = 0;
};

class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed = 1) : engine_(seed) {}
    void fill(std::span<std::byte> bytes) override {
        const std::lock_guard lock(mutex_);
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
    }

private:
    std::mutex mutex_;
    std::mt19937_64 engine_;
};

// A device's connection that writes down what it is told.
struct TestLink final : DeviceLink {
    void desired_changed(std::uint64_t version, std::string_view body) override {
        versions.push_back(version);
        bodies.emplace_back(body);
    }
    void invoke(std::uint64_t number, std::string_view name, std::string_view payload) override {
        calls.push_back({number, std::string(name), std::string(payload)});
    }
    void deliver(const LockedMessage& message) override { delivered.push_back(message); }
    void end(LinkEnd reason) override { ended.push_back(reason); }

    struct Call {
        std::uint64_t number = 0;
        std::string name;
        std::string payload;
    };
    std::vector<Call> calls;
    std::vector<LockedMessage> delivered;

    std::vector<std::uint64_t> versions;
    std::vector<std::string> bodies;
    std::vector<LinkEnd> ended;
};

// What a started operation will have answered.
template <class T>
class Answer {
public:
    bool there() const { return value_->has_value(); }
    const T& get() const {
        CHECK(there());
        return **value_;
    }
    std::shared_ptr<std::optional<T>> value_ = std::make_shared<std::optional<T>>();
};

inline TwinId id_of(std::string_view device, std::string_view module = {}) {
    TwinId id{DeviceId::parse(device).value(), {}};
    if (!module.empty()) id.module = ModuleId::parse(module).value();
    return id;
}

inline IdentitySpec spec_of(std::string_view device, std::string_view module = {}) {
    IdentitySpec spec;
    spec.id = id_of(device, module);
    return spec;
}

inline twin::ServiceUpdate patch_of(std::string_view body, twin::Kind kind = twin::Kind::patch) {
    return twin::parse_service_update(body, kind).value();
}
inline twin::Patch report_of(std::string_view body) { return twin::parse_report(body).value(); }

inline Author author_of(std::string request_id = {}) {
    return Author{.principal = "iothubowner", .request_id = std::move(request_id)};
}

inline twin::Match match_of(const std::string& etag) { return twin::Match::one_of({etag}); }

// A device id that lives on that loop, different for each `n`.
inline std::string device_on(std::size_t loop, std::size_t loops, int n = 0) {
    for (int i = 0;; ++i) {
        std::string text = "d" + std::to_string(i);
        if (slot_of(DeviceId::parse(text).value()) % loops == loop && n-- == 0) return text;
    }
}

class TestHub {
public:
    explicit TestHub(Settings settings = {}, std::size_t loops = 2)
        : settings_(std::move(settings)) {
        log_.configure(LogLevel{static_cast<std::uint8_t>(LogLevel::error) + 1}, Log::Format::text);
        const Result<> started = start(loops);
        CHECK(started.has_value());
    }
    ~TestHub() { stop(); }
    TestHub(const TestHub&) = delete;
    TestHub& operator=(const TestHub&) = delete;

    Hub& hub() { return *hub_; }
    Registry& registry() { return hub_->registry(); }
    Twins& twins() { return hub_->twins(); }
    Shard& shard(const TwinId& id) { return hub_->shards().of(id.device); }
    TestClock& clock() { return clock_; }
    store::MemoryEngine& engine() { return *engine_; }
    Metrics& metrics() { return metrics_; }
    std::string metrics_text() const {
        return prometheus::TextSerializer().Serialize(prometheus_.Collect());
    }
    Settings& settings() { return settings_; }

    const StartProgress& progress() const { return progress_; }  // of the newest start

    // The process ends in the middle of whatever it does, and starts again.
    Result<> restart(std::size_t loops = 2) {
        stop();
        return start(loops);
    }
    // So does the machine: what was not synced is gone, but for the first `unsynced` bytes.
    Result<> crash(std::size_t loops = 2, std::size_t unsynced = 0) {
        engine_ = old_engine(engine_->crash(unsynced));
        return restart(loops);
    }

    // From hold() to release(), no batch reaches the store.
    void hold() { held_ = true; }
    void release() { held_ = false; }

    // Does all that can be done without time passing.
    void settle() {
        while (turn()) {}
    }
    // All that loops and pool have to do, without the store.
    bool turn_loops() {
        std::size_t done = 0;
        for (const auto& loop : loops_) done += ready(*loop);
        return done + ready(*pool_) != 0;
    }
    bool commit() { return hub_->committer().run_once(); }
    bool turn() {
        const bool worked = turn_loops();
        return (!held_ && commit()) || worked;
    }

    // Upkeep of every shard at a later time.
    void tick(std::chrono::milliseconds after = std::chrono::milliseconds{100}) {
        clock_.advance(after);
        for (std::size_t i = 0; i < hub_->shards().size(); ++i) hub_->tick(i);
        settle();
    }
    void tick_for(std::chrono::seconds time) {
        for (std::chrono::seconds passed{0}; passed < time; passed += std::chrono::seconds{1})
            tick(std::chrono::seconds{1});
    }

    template <class T>
    Answer<T> begin(Task<T> task, std::optional<Executor> on = {}) {
        Answer<T> answer;
        asio::co_spawn(on.value_or(loops_.front()->get_executor()), std::move(task),
                       [value = answer.value_](const std::exception_ptr& thrown, T result) {
                           CHECK(thrown == nullptr);
                           *value = std::move(result);
                       });
        return answer;
    }
    template <class T>
    T run(Task<T> task, std::optional<Executor> on = {}) {
        const Answer<T> answer = begin(std::move(task), std::move(on));
        settle();
        EXPECT_TRUE(answer.there()) << "the operation waits for something";
        return answer.there() ? answer.get() : T{};
    }
    void run(Task<> task) {
        bool done = false;
        asio::co_spawn(*loops_.front(), std::move(task), [&done](const std::exception_ptr& thrown) {
            CHECK(thrown == nullptr);
            done = true;
        });
        settle();
        EXPECT_TRUE(done);
    }

    // Shorthands.
    IdentityView create(IdentitySpec spec) {
        const Result<IdentityView> made = run(registry().create(std::move(spec), author_of()));
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return made.value_or(IdentityView{});
    }
    TwinView view(const TwinId& id) {
        const Result<TwinView> found = run(twins().get(id));
        EXPECT_TRUE(found) << (found ? "" : found.error().message);
        return found.value_or(TwinView{});
    }
    Result<TwinView> patch(const TwinId& id, std::string_view body, twin::Match match = {},
                           std::string request = {}) {
        return run(
            twins().update(id, patch_of(body), std::move(match), author_of(std::move(request))));
    }
    Answer<Result<TwinView>> begin_patch(const TwinId& id, std::string_view body,
                                         twin::Match match = {}, std::string request = {}) {
        return begin(
            twins().update(id, patch_of(body), std::move(match), author_of(std::move(request))));
    }
    Answer<Result<std::uint64_t>> begin_report(const TwinId& id, std::string_view body,
                                               std::optional<std::uint64_t> base = {},
                                               std::string request = {}) {
        Answer<Result<std::uint64_t>> answer;
        Author author = author_of(std::move(request));
        author.cause = Cause::device;
        shard(id).report(
            id, report_of(body), base, author,
            [value = answer.value_](Result<std::uint64_t> result) { *value = std::move(result); });
        return answer;
    }
    Answer<Result<std::string>> begin_read(const TwinId& id) {
        Answer<Result<std::string>> answer;
        shard(id).read(id, [value = answer.value_](Result<std::string_view> view) {
            if (view) *value = Result<std::string>(std::string(*view));
            else *value = Result<std::string>(std::unexpected(view.error()));
        });
        return answer;
    }
    Attached connect(const TwinId& id, DeviceLink& link, const AttachFacts& facts = {}) {
        const Attached attached = attach(id, link, facts);
        settle();
        return attached;
    }
    // The same without the store.
    Attached attach(const TwinId& id, DeviceLink& link, const AttachFacts& facts = {}) {
        const auto answer = begin(sign_in(id, link, facts), shard(id).executor());
        while (!answer.there() && turn_loops()) {}
        EXPECT_TRUE(answer.there() && answer.get());
        return answer.there() ? answer.get().value_or(Attached{}) : Attached{};
    }
    // As a door does it, which asks for no credentials. On the loop of its shard.
    Task<Result<Attached>> sign_in(TwinId id, DeviceLink& link, AttachFacts facts = {}) {
        CO_TRY(const Claimant claimant, co_await shard(id).claimant(id));
        co_return shard(id).attach(claimant.view, link, facts);
    }

private:
    static std::size_t ready(asio::io_context& context) {
        if (context.stopped()) context.restart();
        return context.poll();
    }
    // Coroutines that a crash cut off still refer to the dead store until their loop goes.
    std::unique_ptr<store::MemoryEngine> old_engine(std::unique_ptr<store::MemoryEngine> next) {
        dead_.push_back(std::move(engine_));
        return next;
    }

    Result<> start(std::size_t loops) {
        pool_ = std::make_unique<Loop>(2);  // tests turn it while one of its reads waits
        for (std::size_t i = 0; i < loops; ++i) loops_.push_back(std::make_unique<Loop>());
        std::vector<Executor> executors;
        for (const auto& loop : loops_) executors.emplace_back(loop->get_executor());
        auto work = std::make_optional(asio::make_work_guard(*pool_));
        std::jthread opening([this] { pool_->run(); });  // open() waits for the pool
        progress_.twins = progress_.read = 0;
        Result<std::unique_ptr<Hub>> opened =
            Hub::open(settings_,
                      Seams{*engine_, clock_, random_, log_, metrics_, std::move(executors),
                            pool_->get_executor(), false},
                      progress_);
        work.reset();
        opening.join();
        TRY(hub_, std::move(opened));
        return {};
    }
    // As the server does it: the hub goes when its loops stand still, what they hold goes after it.
    void stop() {
        hub_.reset();
        discard_all(loops_);
        if (pool_) pool_->discard();
        discard_all(loops_);
        loops_.clear();
        pool_.reset();
        dead_.clear();
    }

    Settings settings_;
    TestClock clock_;
    SeededRandom random_;
    Log log_;
    prometheus::Registry prometheus_;
    Metrics metrics_{prometheus_};
    std::vector<std::unique_ptr<store::MemoryEngine>> dead_;
    std::unique_ptr<store::MemoryEngine> engine_ = std::make_unique<store::MemoryEngine>();
    std::vector<std::unique_ptr<Loop>> loops_;
    std::unique_ptr<Loop> pool_;
    StartProgress progress_;
    std::unique_ptr<Hub> hub_;
    bool held_ = false;
};

// What the change log alone says about the fleet.
struct Past {
    struct Twin {
        twin::Twin twin;
        std::uint64_t ordinal = 0;
        std::uint64_t sequence = 0;
    };
    std::map<TwinId, Twin> twins;
    std::multiset<std::string> requests;  // request ids of all changes
    std::size_t changes = 0;
    std::string wrong;  // what is broken in it, by name; empty when it is sound
};

// Reads the change log from its beginning and looks on the way whether sequences have no gap, the
// changes of a twin form one chain, and each can be taken back exactly (simulation, 7 and 22).
inline Past read_past(const store::Engine& engine) {
    Past past;
    std::map<Slot, std::uint64_t> last;
    const auto cursor = engine.scan(store::Family::changes, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto key = store::parse_change_key(cursor->key()).value();
        const auto opened = store::open(store::Kind::change, change_record_format, "changes",
                                        cursor->key(), cursor->value());
        const ChangeRecord record = decode_change_record(opened.value().body).value();
        const auto must = [&](bool holds, std::string_view what) {
            if (holds) return;
            past.wrong += record.id.text() + " at " + std::to_string(record.ordinal) +
                          ", sequence " + std::to_string(key.sequence) + ": " + std::string(what) +
                          "\n";
        };
        must(key.sequence == ++last[key.slot], "a gap in the slot");
        must(slot_of(record.id.device) == key.slot, "the wrong slot");
        ++past.changes;
        if (!record.author.request_id.empty()) past.requests.insert(record.author.request_id);
        Past::Twin& now = past.twins[record.id];
        must(record.ordinal == now.ordinal + 1, "the ordinal does not follow");
        must(record.previous == now.sequence, "the chain is broken");
        must((record.kind == ChangeKind::created) == (record.ordinal == 1),
             "creation is not the beginning");
        now.ordinal = record.ordinal;
        now.sequence = key.sequence;
        switch (record.kind) {
            case ChangeKind::created:
                now.twin = record.detail.empty() ? twin::fresh(record.at)
                                                 : twin::decode_twin(record.detail).value();
                break;
            case ChangeKind::deleted: past.twins.erase(record.id); break;
            case ChangeKind::identity: break;
            case ChangeKind::model: {
                const std::size_t nul = record.detail.find('\0');
                must(record.detail.substr(0, nul) == now.twin.model_id,
                     "another model was there before");
                now.twin.model_id = record.detail.substr(nul + 1);
                break;
            }
            case ChangeKind::twin: {
                const auto after = twin::redo(now.twin, record.change);
                must(after.has_value(), "cannot be done again");
                if (!after) break;
                const auto before = twin::undo(*after, record.change);
                must(before && *before == now.twin, "cannot be taken back");
                now.twin = *after;
                break;
            }
        }
    }
    return past;
}

// Identities as stored, counted one by one.
inline Statistics recount(const store::Engine& engine) {
    Statistics counts;
    const auto cursor = engine.scan(store::Family::identities, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto opened = store::open(store::Kind::identity, identity_format, "identities",
                                        cursor->key(), cursor->value());
        const Identity identity = decode_identity(opened.value().body).value();
        if (identity.id.is_module()) ++counts.modules;
        else if (identity.status == Status::enabled) ++counts.devices_enabled;
        else ++counts.devices_disabled;
    }
    return counts;
}

// What services see is what the log says, no more and no less: tells what is not. Call when nothing
// is half way between the store and the loops.
inline std::string wrong_with(TestHub& hub) {
    const Past past = read_past(hub.engine());
    std::string wrong = past.wrong;
    const auto now = [&hub](auto task) {
        const auto answer = hub.begin(std::move(task));
        while (!answer.there() && hub.turn_loops()) {}
        return answer.get();
    };
    for (const auto& [id, known] : past.twins) {
        const Result<TwinView> seen = now(hub.twins().get(id));
        if (!seen) wrong += id.text() + " is not shown: " + seen.error().message + "\n";
        else if (seen->twin != known.twin) wrong += id.text() + " is not shown as the log has it\n";
    }
    const Statistics counts = *now(hub.registry().statistics());
    const Statistics stored = recount(hub.engine());
    if (counts.devices_enabled != stored.devices_enabled ||
        counts.devices_disabled != stored.devices_disabled || counts.modules != stored.modules)
        wrong += "the counts are not those of a recount\n";
    if (past.twins.size() != stored.devices_enabled + stored.devices_disabled + stored.modules)
        wrong += "the log knows " + std::to_string(past.twins.size()) + " identities\n";
    const auto documents = hub.engine().scan(store::Family::twins, store::Range{});
    for (documents->seek_first(); documents->valid(); documents->next()) {
        const auto id = store::parse_twin_key(documents->key());
        if (!id || !past.twins.contains(*id))
            wrong += "a document is left of " + (id ? id->text() : "?") + "\n";
    }
    return wrong;
}

}  // namespace twinhub::hub::testing
