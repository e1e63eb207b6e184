#include "store/memory/memory_engine.h"

#include "store/memory/log.h"
#include "store/memory/tables.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace twinhub::store {
namespace {

constexpr std::size_t log_bytes_max = std::size_t{64} << 20;

Result<> dead() { return failure(Code::internal, "The store failed and must be opened again"); }

}  // namespace

struct MemoryEngine::Core {
    mutable std::mutex mutex;
    std::condition_variable changed;

    // `base` and what `log` holds make `tables`; both are replaced, not changed, while a snapshot
    // shares them.
    std::shared_ptr<memory::Tables> tables = std::make_shared<memory::Tables>();
    std::shared_ptr<const memory::Tables> base = std::make_shared<memory::Tables>();
    memory::Log log;

    std::uint64_t commits = 0;
    std::uint64_t until_fault = 0;  // 0: none set
    std::uint64_t faults_left = 0;
    Fault fault = Fault::refused;
    bool reads_fail = false;
    bool cold = false;
    std::uint64_t until_delay = 0;  // 0: none
    std::function<void()> meanwhile;
    bool synced = true;
    bool holding = false;
    bool held = false;
    bool failed = false;

    Result<> readable() const {
        if (reads_fail || failed_for_good)
            return failure(Code::internal, "The disk cannot be read");
        return {};
    }
    bool failed_for_good = false;  // crashed

    bool fault_is_due() {
        if (until_fault == 0) return false;
        if (until_fault > 1) {
            --until_fault;
            return false;
        }
        if (--faults_left == 0) until_fault = 0;
        return true;
    }

    memory::Tables& own_tables() {
        if (tables.use_count() > 1) tables = std::make_shared<memory::Tables>(*tables);
        return *tables;
    }

    void checkpoint() {
        base = tables;
        log.clear();
    }
};

namespace {

// Releases its share under the lock, so that the owner may trust the number of shares it sees.
template <class Core>
class MemorySnapshot final : public Snapshot,
                             public std::enable_shared_from_this<MemorySnapshot<Core>> {
public:
    MemorySnapshot(std::shared_ptr<Core> core, std::shared_ptr<const memory::Tables> tables)
        : core_(std::move(core)), tables_(std::move(tables)) {}
    ~MemorySnapshot() override {
        const std::lock_guard lock(core_->mutex);
        tables_.reset();
    }

    Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
        {
            const std::lock_guard lock(core_->mutex);
            TRY_VOID(core_->readable());
        }
        const memory::Table& table = tables_->of(family);
        const auto found = table.find(key);
        if (found == table.end()) return std::nullopt;
        return found->second;
    }

    std::unique_ptr<Cursor> scan(Family family, const Range& range) const override {
        return memory::make_cursor(this->shared_from_this(), tables_->of(family), range,
                                   [core = core_] {
                                       const std::lock_guard lock(core->mutex);
                                       return core->readable();
                                   });
    }

private:
    std::shared_ptr<Core> core_;
    std::shared_ptr<const memory::Tables> tables_;
};

}  // namespace

MemoryEngine::MemoryEngine() : core_(std::make_shared<Core>()) {}
MemoryEngine::~MemoryEngine() = default;

Result<> MemoryEngine::commit(std::span<const Batch* const> batches) {
    std::unique_lock lock(core_->mutex);
    if (core_->failed) return dead();
    const bool fails = core_->fault_is_due();
    if (fails && core_->fault == Fault::refused)
        return failure(Code::unavailable, "The disk takes no more");

    core_->log.append(batches);
    core_->held = true;
    core_->changed.notify_all();
    core_->changed.wait(lock, [this] { return !core_->holding || core_->failed; });
    core_->held = false;
    if (core_->failed) return dead();
    if (fails) {
        core_->failed = true;
        return failure(Code::internal, "The log could not be synced");
    }
    if (core_->synced) core_->log.sync();
    memory::Tables& tables = core_->own_tables();
    for (const Batch* batch : batches) tables.apply(*batch);
    ++core_->commits;
    if (core_->synced && core_->log.bytes() > log_bytes_max) core_->checkpoint();
    return {};
}

Result<std::optional<std::string>> MemoryEngine::get(Family family, std::string_view key) const {
    std::unique_lock lock(core_->mutex);
    TRY_VOID(core_->readable());
    const memory::Table& table = core_->tables->of(family);
    const auto found = table.find(key);
    std::optional<std::string> value;
    if (found != table.end()) value = found->second;
    if (core_->until_delay != 0 && --core_->until_delay == 0) {
        const auto meanwhile = std::exchange(core_->meanwhile, nullptr);
        lock.unlock();
        meanwhile();
    }
    return value;
}

Cached MemoryEngine::get_cached(Family family, std::string_view key) const {
    const std::lock_guard lock(core_->mutex);
    if (core_->cold || !core_->readable()) return {};
    const memory::Table& table = core_->tables->of(family);
    const auto found = table.find(key);
    if (found == table.end()) return {Cached::Outcome::absent, {}};
    return {Cached::Outcome::found, found->second};
}

std::shared_ptr<const Snapshot> MemoryEngine::snapshot() const {
    const std::lock_guard lock(core_->mutex);
    return std::make_shared<const MemorySnapshot<Core>>(core_, core_->tables);
}

Result<> MemoryEngine::ingest(Family family, const Source& source) {
    Batch run;
    const Source records = rising(source);
    while (true) {
        TRY(const std::optional<Entry> entry, records());
        if (!entry) break;
        run.put(family, entry->key, entry->value);
    }
    const Batch* batches[] = {&run};
    return run.empty() ? Result<>{} : commit(batches);
}

Result<> MemoryEngine::flush() {
    const std::lock_guard lock(core_->mutex);
    if (core_->failed) return dead();
    if (!core_->held) core_->checkpoint();
    return {};
}

Statistics MemoryEngine::statistics() const {
    const std::lock_guard lock(core_->mutex);
    Statistics all;
    for (std::size_t i = 0; i < family_count; ++i) {
        const memory::Table& table = core_->tables->families[i];
        all.families[i].keys_estimated = table.size();
        for (const auto& [key, value] : table)
            all.families[i].memory_bytes += key.size() + value.size();
    }
    all.log_bytes = core_->log.bytes();
    all.writes_failed = core_->failed;
    return all;
}

void MemoryEngine::fail_commits(std::uint64_t nth, Fault fault, std::uint64_t times) {
    const std::lock_guard lock(core_->mutex);
    core_->until_fault = nth;
    core_->faults_left = times;
    core_->fault = fault;
}

void MemoryEngine::fail_reads(bool fail) {
    const std::lock_guard lock(core_->mutex);
    core_->reads_fail = fail;
}

void MemoryEngine::set_cold(bool cold) {
    const std::lock_guard lock(core_->mutex);
    core_->cold = cold;
}

void MemoryEngine::delay_read(std::uint64_t nth, std::function<void()> meanwhile) {
    const std::lock_guard lock(core_->mutex);
    core_->until_delay = nth;
    core_->meanwhile = std::move(meanwhile);
}

void MemoryEngine::set_synced(bool synced) {
    const std::lock_guard lock(core_->mutex);
    core_->synced = synced;
}

void MemoryEngine::hold() {
    const std::lock_guard lock(core_->mutex);
    core_->holding = true;
}

void MemoryEngine::release() {
    const std::lock_guard lock(core_->mutex);
    core_->holding = false;
    core_->changed.notify_all();
}

void MemoryEngine::wait_until_held() {
    std::unique_lock lock(core_->mutex);
    core_->changed.wait(lock, [this] { return core_->held && core_->holding; });
}

std::unique_ptr<MemoryEngine> MemoryEngine::crash(std::size_t unsynced_bytes) {
    auto reopened = std::make_unique<MemoryEngine>();
    const std::lock_guard lock(core_->mutex);
    core_->failed = true;
    core_->failed_for_good = true;
    core_->changed.notify_all();
    Core& next = *reopened->core_;
    next.base = core_->base;
    next.log = core_->log.cut(unsynced_bytes);
    next.tables = std::make_shared<memory::Tables>(*next.base);
    next.log.replay([&next](const Batch& batch) { next.tables->apply(batch); });
    return reopened;
}

std::size_t MemoryEngine::unsynced_bytes() const {
    const std::lock_guard lock(core_->mutex);
    return core_->log.unsynced_bytes();
}

std::uint64_t MemoryEngine::commits() const {
    const std::lock_guard lock(core_->mutex);
    return core_->commits;
}

}  // namespace twinhub::store
