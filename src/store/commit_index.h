#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "store/batch.h"
#include "store/engine.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which changes became durable with which write: what makes one order of the changes of all slots.
// Writes that hold changes are numbered from 1 without a hole, also over restarts; each leaves one
// row of metadata in the same atomic write. All of it is part of the disk format (tested by
// vectors).
namespace twinhub::store {

// Changes of one slot with sequences first..last, both included.
struct CommitPart {
    Slot slot = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    std::uint64_t changes() const { return last - first + 1; }
    friend bool operator==(const CommitPart&, const CommitPart&) = default;
};

struct CommitRow {
    Instant at{};                   // when it was written
    std::vector<CommitPart> parts;  // in the order of slots and sequences; none: let go of

    std::uint64_t changes() const;
    friend bool operator==(const CommitRow&, const CommitRow&) = default;
};

std::string commit_key(std::uint64_t number);
std::optional<std::uint64_t> parse_commit_key(std::string_view key);
Range commits_range(std::uint64_t first, std::uint64_t last);  // both included

void seal_commit(std::string& out, std::string_view key, const CommitRow& row);
// Errors: corrupted, which names the key.
Result<CommitRow> open_commit(std::string_view key, std::string_view value);

// The newest number of a store, 0 when there is none. May wait for the disk.
Result<std::uint64_t> last_commit(const Engine& engine);

// Gathers what a write holds: the changes that its batches put. Keeps its memory from one write to
// the next.
class CommitNotes {
public:
    void add(const Batch& batch);
    bool empty() const { return slots_.empty(); }
    // What was gathered since the last call.
    CommitRow take(Instant at);

private:
    struct Span {
        std::uint64_t first = 0;  // 0: none; sequences begin at 1
        std::uint64_t last = 0;
    };
    std::array<Span, slot_count> spans_;
    std::vector<Slot> slots_;  // those with a span
};

}  // namespace twinhub::store
