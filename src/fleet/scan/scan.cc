#include "fleet/scan/scan.h"

#include "query/document_row.h"
#include "query/narrow.h"

#include <algorithm>
#include <utility>

namespace twinhub::fleet {
namespace {

Error over_budget(std::string_view why) {
    return {twinhub::Code::unavailable, "The query is over budget: " + std::string(why) + ".", {}};
}

}  // namespace

Scan::Scan(std::shared_ptr<const query::Plan> plan, Table& table, Instant now, ScanOptions options)
    : plan_(std::move(plan)),
      table_(&table),
      options_(std::move(options)),
      filter_(*plan_, table, now) {
    if (plan_->grouped) {
        feed_ = std::make_unique<GroupFeed>(*plan_, table, options_.groups);
        waits_for_documents_ = filter_.needs_documents() || feed_->needs_documents();
    } else {
        cursor_ = std::make_unique<Cursor>(*plan_, table, filter_, options_.keep, options_.cursor,
                                           options_.after);
        waits_for_documents_ =
            cursor_->sorts() && (filter_.needs_documents() || cursor_->sorts_documents());
    }
    const bool wants_rows = plan_->grouped || plan_->limit != 0u;
    if (const auto& rows = filter_.rows_by_id(); rows && wants_rows) {
        for (const Row row : *rows) {
            if (row / 64 >= undecided_.size()) undecided_.resize(row / 64 + 1);
            undecided_[row / 64] |= std::uint64_t{1} << (row % 64);
        }
    } else if (wants_rows) {
        undecided_.assign(table.live().begin(), table.live().end());
    }
    rows_at_start_ = table.live_count();
    table.watch(*this);
}

Scan::~Scan() { table_->unwatch(*this); }

Result<Scan::Progress> Scan::run(std::size_t blocks) {
    const std::size_t blocks_all = (undecided_.size() * 64 + block_rows - 1) / block_rows;
    if (const auto& rows = filter_.rows_by_id(); rows && next_block_ < blocks_all) {
        for (const Row row : *rows)
            if (undecided_[row / 64] >> (row % 64) & 1) look_at_row(row);
        next_block_ = blocks_all;
    }
    for (; next_block_ < blocks_all && blocks > 0 && waiting_.size() < options_.documents_max &&
           !error_;
         ++next_block_, --blocks)
        look_at(next_block_);
    if (feed_) check(feed_->settle());
    if (error_) return std::unexpected(*error_);
    if (!waiting_.empty() &&
        (next_block_ == blocks_all || waiting_.size() >= options_.documents_max))
        return Progress::needs_documents;
    if (next_block_ < blocks_all) return Progress::more;
    if (!done_ && cursor_) cursor_->finish();
    done_ = true;
    return Progress::done;
}

void Scan::look_at(std::size_t index) {
    const Block block = Block::of(*table_, index);
    const std::size_t first = block.first / 64;
    const std::size_t words = std::min(block_words, undecided_.size() - first);
    Bits rows;
    std::copy_n(undecided_.begin() + static_cast<std::ptrdiff_t>(first), words, rows.words.begin());
    std::fill_n(undecided_.begin() + static_cast<std::ptrdiff_t>(first), words, 0);
    const std::size_t count = rows.count();
    if (count == 0) return;
    rows_looked_at_ += count;
    ++blocks_looked_at_;
    if (plan_->budget.scan_max && rows_looked_at_ > *plan_->budget.scan_max)
        return fail(over_budget("it has looked at more rows than maxScan allows"));
    filter_.keep(block, rows);
    if (rows.none()) return;
    if (waits_for_documents_)
        rows.each([&](std::size_t i) { waiting_.insert(block.first + static_cast<Row>(i)); });
    else check(feed_ ? feed_->add(block, rows) : cursor_->add(block, rows));
}

// A single row, as the table has it now.
void Scan::look_at_row(Row row) {
    undecided_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
    ++rows_looked_at_;
    if (!filter_.passes_columns(row)) return;
    if (waits_for_documents_) waiting_.insert(row);
    else check(feed_ ? feed_->add(row) : cursor_->add(row));
}

void Scan::check(bool within_budget) {
    if (!within_budget)
        fail(feed_ ? Groups::over_budget() : over_budget("it has too many rows to sort"));
}

void Scan::before_change(Row row) {
    if (error_) return;
    if (row / 64 < undecided_.size() && (undecided_[row / 64] >> (row % 64) & 1) != 0)
        look_at_row(row);
    if (waiting_.contains(row)) {
        const auto old = options_.keep ? options_.keep(row) : nullptr;
        if (old) give(row, old->document());
        else fail({twinhub::Code::unavailable, "A row has changed while it was read.", {}});
    }
    if (cursor_) cursor_->before_change(row);
}

std::vector<Row> Scan::documents_wanted() const { return {waiting_.begin(), waiting_.end()}; }

void Scan::give(Row row, const json::object& document) {
    if (waiting_.erase(row) == 0) return;
    query::DocumentRow source(*plan_, document);
    if (!filter_.passes_document(source)) return;
    json::object shown;
    if (!plan_->hidden.empty()) {
        shown = document;
        query::cut_hidden(*plan_, shown);
        source.move_to(shown);
    }
    check(feed_ ? feed_->add(source) : cursor_->add(row, source));
}

}  // namespace twinhub::fleet
