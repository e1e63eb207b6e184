#include "hub/changes/change_page.h"

#include "hub/changes/twin_condition.h"
#include "store/commit_index.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using store::CommitPart;
using store::CommitRow;
using store::Family;

constexpr std::size_t looked_at_max = 20'000;       // changes, by one page
constexpr std::size_t rows_looked_at_max = 50'000;  // commits, by one page

// One row of the index as it is met on the way.
struct Commit {
    std::uint64_t number = 0;
    CommitRow row;
};

Result<Commit> commit_at(const store::Cursor& rows) {
    Commit commit;
    const auto number = store::parse_commit_key(rows.key());
    if (!number)
        return failure(Code::corrupted, "A row of the commit index has a damaged key",
                       "metadata/" + store::printable(rows.key()));
    commit.number = *number;
    TRY(commit.row, store::open_commit(rows.key(), rows.value()));
    return commit;
}

// Reads changes by their place; one cursor that is moved, because places are often neighbours.
class ChangeReads {
public:
    explicit ChangeReads(const store::Snapshot& snapshot)
        : cursor_(snapshot.scan(Family::changes, store::Range{})) {}

    Result<KeptChange> read(Slot slot, std::uint64_t sequence) {
        key_.clear();
        store::append_change_key(key_, slot, sequence);
        if (!cursor_->valid() || cursor_->key() != key_) {
            if (cursor_->valid() && cursor_->key() < key_) cursor_->next();
            if (!cursor_->valid() || cursor_->key() != key_) cursor_->seek(key_);
        }
        if (!cursor_->valid() || cursor_->key() != key_) {
            TRY_VOID(cursor_->status());
            return failure(Code::corrupted, "A change that a commit holds is not there",
                           "changes/" + store::printable(key_));
        }
        KeptChange change{.sequence = sequence, .record = {}, .bytes = cursor_->value().size()};
        TRY(const store::Opened opened, store::open(store::Kind::change, change_record_format,
                                                    "changes", key_, cursor_->value()));
        TRY(change.record, decode_change_record(opened.body));
        return change;
    }

private:
    std::unique_ptr<store::Cursor> cursor_;
    std::string key_;
};

// Fills a page with what is wanted of the changes that it is shown.
class PageFiller {
public:
    PageFiller(const std::shared_ptr<const store::Snapshot>& snapshot,
               const ChangesRequest& request)
        : snapshot_(snapshot), request_(request), reads_(*snapshot) {
        if (request.filter.twin) slot_ = slot_of(request.filter.twin->device);
        else if (request.filter.device) slot_ = slot_of(*request.filter.device);
    }

    bool wants(Slot slot) const { return !slot_ || *slot_ == slot; }

    Result<> look(Slot slot, std::uint64_t sequence, Instant committed, ChangeCursor after) {
        ++looked_;
        TRY(KeptChange change, reads_.read(slot, sequence));
        TRY(bool wanted, matches(change.record, request_.filter));
        if (wanted && request_.condition) {
            const std::size_t before = request_.condition->read();
            TRY(wanted, request_.condition->holds(snapshot_, change));
            looked_ += request_.condition->read() - before;
        }
        if (!wanted) return {};
        bytes_ += change.bytes;
        page_.changes.push_back({after, committed, std::move(change)});
        return {};
    }
    bool is_full() const {
        return page_.changes.size() >= request_.changes_max || bytes_ >= request_.bytes_max ||
               looked_ >= looked_at_max;
    }
    Result<ChangesPage> page(ChangeCursor next, bool at_end) {
        page_.next = next;
        page_.at_end = at_end;
        return std::move(page_);
    }

private:
    const std::shared_ptr<const store::Snapshot>& snapshot_;
    const ChangesRequest& request_;
    ChangeReads reads_;
    std::optional<Slot> slot_;
    ChangesPage page_;
    std::size_t bytes_ = 0;
    std::size_t looked_ = 0;
};

ChangeCursor behind(const Commit& commit, std::uint64_t index) {
    if (index >= commit.row.changes()) return {commit.number + 1, 0};
    return {commit.number, index};
}

std::unexpected<Error> not_in_commit() {
    return failure(Code::argument_invalid, "The cursor is of a change that is not there", "cursor");
}

Result<ChangesPage> read_forward(const std::shared_ptr<const store::Snapshot>& snapshot,
                                 const ChangesRequest& request, const FeedSpan& span) {
    const ChangeCursor until = std::min(request.until.value_or(span.newest), span.newest);
    PageFiller filler(snapshot, request);
    ChangeCursor at = request.from;
    const auto rows =
        snapshot->scan(Family::metadata, store::commits_range(at.commit, ~std::uint64_t{0}));
    std::size_t looked = 0;
    for (rows->seek_first(); at < until && rows->valid(); rows->next()) {
        TRY(const Commit commit, commit_at(*rows));
        if (commit.number != at.commit || commit.row.parts.empty())
            return failure(Code::corrupted, "A row is missing in the commit index",
                           "metadata/" + store::printable(store::commit_key(at.commit)));
        if (at.index != 0 && at.index >= commit.row.changes()) return not_in_commit();
        std::uint64_t base = 0;  // changes of the commit before this part
        for (const CommitPart& part : commit.row.parts) {
            const std::uint64_t end = base + part.changes();
            while (at.index < end && filler.wants(part.slot)) {
                const std::uint64_t sequence = part.first + (at.index - base);
                const ChangeCursor after = behind(commit, at.index + 1);
                TRY_VOID(filler.look(part.slot, sequence, commit.row.at, after));
                if (after >= until) return filler.page(until, true);
                if (filler.is_full()) return filler.page(after, false);
                ++at.index;
            }
            at.index = std::max(at.index, end);
            base = end;
            if (ChangeCursor{commit.number, at.index} >= until) return filler.page(until, true);
        }
        at = {commit.number + 1, 0};
        if (++looked >= rows_looked_at_max) return filler.page(at, at >= until);
    }
    TRY_VOID(rows->status());
    return filler.page(std::max(at, request.from), true);
}

Result<ChangesPage> read_backward(const std::shared_ptr<const store::Snapshot>& snapshot,
                                  const ChangesRequest& request, const FeedSpan& span) {
    PageFiller filler(snapshot, request);
    const auto rows = snapshot->scan(Family::metadata,
                                     store::commits_range(span.oldest.commit, request.from.commit));
    std::size_t looked = 0;
    for (rows->seek_last(); rows->valid(); rows->previous()) {
        TRY(const Commit commit, commit_at(*rows));
        std::uint64_t end = commit.row.changes();  // the changes before it are still to come
        std::uint64_t left = end;
        if (commit.number == request.from.commit) {
            if (request.from.index != 0 && request.from.index >= end) return not_in_commit();
            left = request.from.index;
        }
        for (auto part = commit.row.parts.rbegin(); part != commit.row.parts.rend(); ++part) {
            const std::uint64_t base = end - part->changes();
            while (left > base && filler.wants(part->slot)) {
                const std::uint64_t sequence = part->first + (left - 1 - base);
                TRY_VOID(filler.look(part->slot, sequence, commit.row.at, behind(commit, left)));
                --left;
                const ChangeCursor next{commit.number, left};
                if (next <= span.oldest) return filler.page(next, true);
                if (filler.is_full()) return filler.page(next, false);
            }
            left = std::min(left, base);
            end = base;
        }
        if (++looked >= rows_looked_at_max)
            return filler.page({commit.number, 0}, commit.number <= span.oldest.commit);
    }
    TRY_VOID(rows->status());
    return filler.page(span.oldest, true);
}

}  // namespace

Result<FeedSpan> feed_span(const store::Snapshot& snapshot) {
    FeedSpan span;
    const auto rows = snapshot.scan(Family::metadata, store::area_range(store::Area::commit));
    rows->seek_last();
    if (!rows->valid()) {
        TRY_VOID(rows->status());
        return span;
    }
    TRY(const Commit last, commit_at(*rows));
    span.newest = {last.number + 1, 0};
    rows->seek_first();
    if (!rows->valid()) {
        TRY_VOID(rows->status());
        return span;
    }
    TRY(const Commit first, commit_at(*rows));
    span.oldest = {first.row.parts.empty() ? first.number + 1 : first.number, 0};
    return span;
}

Result<ChangesPage> read_changes(const std::shared_ptr<const store::Snapshot>& snapshot,
                                 const ChangesRequest& request) {
    TRY(const FeedSpan span, feed_span(*snapshot));
    if (request.from < span.oldest)
        return failure(Code::history_unavailable,
                       "Changes behind the cursor are no longer kept: begin anew with oldest",
                       "cursor");
    if (request.from > span.newest) return not_in_commit();
    return request.order == ChangesRequest::Order::oldest ? read_forward(snapshot, request, span)
                                                          : read_backward(snapshot, request, span);
}

Result<ChangeCursor> place_at(const store::Snapshot& snapshot, Instant time) {
    TRY(const FeedSpan span, feed_span(snapshot));
    const auto rows = snapshot.scan(Family::metadata, store::area_range(store::Area::commit));
    std::uint64_t low = span.oldest.commit;
    std::uint64_t high = span.newest.commit;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        rows->seek(store::commit_key(middle));
        if (!rows->valid()) {
            TRY_VOID(rows->status());
            break;
        }
        TRY(const Commit commit, commit_at(*rows));
        if (commit.row.at < time) low = middle + 1;
        else high = middle;
    }
    return ChangeCursor{low, 0};
}

}  // namespace twinhub::hub
