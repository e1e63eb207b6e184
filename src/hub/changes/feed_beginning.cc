// The commit index of a store that older releases wrote.
#include "hub/changes/feed_state.h"
#include "hub/record.h"
#include "store/commit_index.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>
#include <queue>
#include <tuple>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr std::uint64_t changes_a_row = 512;
constexpr std::size_t batch_bytes = std::size_t{1} << 20;

// The next change of one slot.
struct Head {
    Instant at{};
    std::uint64_t sequence = 0;
    Slot slot = 0;
    // Of equal times the order of slots, for a result that does not hang on chance.
    friend bool operator>(const Head& a, const Head& b) {
        return std::tie(a.at, a.slot) > std::tie(b.at, b.slot);
    }
};

Result<std::optional<Head>> head_of(const store::Cursor& cursor) {
    if (!cursor.valid()) {
        TRY_VOID(cursor.status());
        return std::optional<Head>{};
    }
    const auto key = store::parse_change_key(cursor.key());
    if (!key || key->slot >= slot_count || key->sequence == 0)
        return failure(Code::corrupted, "A change has a damaged key",
                       "changes/" + store::printable(cursor.key()));
    TRY(const store::Opened opened, store::open(store::Kind::change, change_record_format,
                                                "changes", cursor.key(), cursor.value()));
    TRY(const ChangeRecord record, decode_change_record(opened.body));
    return std::optional<Head>({record.at, key->sequence, key->slot});
}

// Collects rows and writes them.
class Rows {
public:
    explicit Rows(store::Engine& engine) : engine_(engine) {}

    Result<> add(const Head& head) {
        row_.at = count_ == 0 ? head.at : std::max(row_.at, head.at);
        auto& parts = parts_[head.slot];
        if (!parts.empty() && parts.back().last + 1 == head.sequence) ++parts.back().last;
        else parts.push_back({head.slot, head.sequence, head.sequence});
        if (++count_ >= changes_a_row) return end_row();
        return {};
    }
    Result<> finish() {
        if (count_ != 0) TRY_VOID(end_row());
        return write();
    }
    store::Batch& batch() { return batch_; }

private:
    Result<> end_row() {
        for (auto& parts : parts_) {
            row_.parts.insert(row_.parts.end(), parts.begin(), parts.end());
            parts.clear();
        }
        const std::string key = store::commit_key(++number_);
        value_.clear();
        store::seal_commit(value_, key, row_);
        batch_.put(Family::metadata, key, value_);
        row_ = {};
        count_ = 0;
        if (batch_.bytes() >= batch_bytes) return write();
        return {};
    }
    Result<> write() {
        if (batch_.empty()) return {};
        const store::Batch* const batches[] = {&batch_};
        TRY_VOID(engine_.commit(batches));
        batch_.clear();
        return {};
    }

    store::Engine& engine_;
    store::Batch batch_;
    store::CommitRow row_;
    std::array<std::vector<store::CommitPart>, slot_count> parts_;
    std::uint64_t count_ = 0;  // changes in the open row
    std::uint64_t number_ = 0;
    std::string value_;
};

}  // namespace

Result<> index_kept_changes(store::Engine& engine) {
    const store::Range area = store::area_range(store::Area::commit);
    Rows rows(engine);
    TRY(const std::optional<std::string> left, engine.last_key(Family::metadata, area));
    if (left) rows.batch().remove_range(Family::metadata, area.from, area.to);

    const auto snapshot = engine.snapshot();
    std::vector<std::unique_ptr<store::Cursor>> cursors(slot_count);
    std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
    for (std::uint32_t i = 0; i < slot_count; ++i) {
        const auto slot = static_cast<Slot>(i);
        cursors[slot] = snapshot->scan(Family::changes, store::slot_range(slot));
        cursors[slot]->seek_first();
        TRY(const std::optional<Head> head, head_of(*cursors[slot]));
        if (head) heads.push(*head);
        else cursors[slot].reset();
    }
    while (!heads.empty()) {
        const Head head = heads.top();
        heads.pop();
        TRY_VOID(rows.add(head));
        cursors[head.slot]->next();
        TRY(const std::optional<Head> next, head_of(*cursors[head.slot]));
        if (next) heads.push(*next);
    }
    return rows.finish();
}

}  // namespace twinhub::hub
