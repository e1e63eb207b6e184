#pragma once

#include "store/memory/memory_engine.h"
#include "store/rocksdb/rocksdb_engine.h"
#include "store/scratch_folder_for_tests.h"

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::store {

// Opens an engine, and opens it again with what it kept.
struct MemoryFixture {
    std::unique_ptr<MemoryEngine> own = std::make_unique<MemoryEngine>();
    Engine& engine() { return *own; }
    void reopen() { own = own->crash(); }
};

struct RocksDbFixture {
    ScratchFolder folder;
    std::unique_ptr<Engine> own = open();
    Engine& engine() { return *own; }
    void reopen() {
        own.reset();
        own = open();
    }
    std::unique_ptr<Engine> open() const {
        auto opened = open_rocksdb(folder.path() / "store", {.hub = "greenhouse"});
        CHECK(opened.has_value());
        return std::move(*opened);
    }
};

inline Result<> commit_one(Engine& engine, const Batch& batch) {
    const Batch* batches[] = {&batch};
    return engine.commit(batches);
}

inline Result<> put_one(Engine& engine, Family family, std::string_view key,
                        std::string_view value) {
    Batch batch;
    batch.put(family, key, value);
    return commit_one(engine, batch);
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

// A whole range in order, or backward.
inline Pairs read_all(Cursor& cursor, bool backward = false) {
    Pairs all;
    backward ? cursor.seek_last() : cursor.seek_first();
    for (; cursor.valid(); backward ? cursor.previous() : cursor.next())
        all.emplace_back(cursor.key(), cursor.value());
    CHECK(cursor.status().has_value());
    return all;
}

inline Pairs read_all(const Engine& engine, Family family, const Range& range = {}) {
    return read_all(*engine.scan(family, range));
}

// A bulk load's source over values held elsewhere.
inline Source source_of(const Pairs& pairs) {
    return [&pairs, next = std::size_t{0}]() mutable -> Result<std::optional<Entry>> {
        if (next == pairs.size()) return std::nullopt;
        const auto& [key, value] = pairs[next++];
        return Entry{key, value};
    };
}

}  // namespace twinhub::store
