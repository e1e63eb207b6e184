#pragma once

#include "base/result.h"
#include "fleet/scan/cursor.h"
#include "fleet/scan/filter.h"
#include "fleet/scan/group_feed.h"
#include "fleet/scan/old_row.h"
#include "fleet/table.h"
#include "query/plan.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace twinhub::fleet {

struct ScanOptions {
    KeepRow keep;       // for rows that change while their document is still to be read
    std::string after;  // position of the last row that the asker has; empty: from the start
    GroupLimits groups;
    CursorLimits cursor;
    std::size_t documents_max = 256;  // asked for at a time
};

// One run of a plan over the rows of one shard. Its answer is the fleet as it was when the scan was
// made, however long it takes and whatever is written meanwhile: before a row changes, it is
// decided at once. Works in slices, so that it never holds its loop for long.
class Scan final : public Observer {
public:
    Scan(std::shared_ptr<const query::Plan> plan, Table& table, Instant now,
         ScanOptions options = {});
    ~Scan() override;
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;

    // These rows, one bit each, are not looked at. Only before the first run, in the turn that made
    // the scan.
    void leave_out(std::span<const std::uint64_t> rows) {
        for (std::size_t i = 0; i < std::min(rows.size(), undecided_.size()); ++i)
            undecided_[i] &= ~rows[i];
    }

    enum class Progress : std::uint8_t {
        more,             // call run again
        needs_documents,  // give those that `documents_wanted` names, then call run again
        done
    };
    // Looks at no more than that many blocks of block_rows rows. Errors: unavailable, over budget
    // or a row changed whose old document could not be had; the scan is of no more use.
    Result<Progress> run(std::size_t blocks);

    // The rows whose documents decide. Each is to be answered by `give`; one that changes before is
    // taken off by itself.
    std::vector<Row> documents_wanted() const;
    // The document of a row; ignored when it is not wanted any more.
    void give(Row row, const json::object& document);

    // The answer when done: of a grouped plan these groups, of others the rows.
    const Groups& groups() const { return feed_->groups(); }
    Cursor& cursor() { return *cursor_; }

    const query::Plan& plan() const { return *plan_; }
    std::uint32_t rows_at_start() const { return rows_at_start_; }
    std::uint64_t rows_looked_at() const { return rows_looked_at_; }
    std::uint64_t blocks_looked_at() const { return blocks_looked_at_; }
    const Filter& filter() const { return filter_; }

    void before_change(Row row) override;

private:
    void look_at(std::size_t block);
    void look_at_row(Row row);
    void fail(Error error) {
        if (!error_) error_ = std::move(error);
    }
    void check(bool within_budget);

    std::shared_ptr<const query::Plan> plan_;
    Table* table_;
    ScanOptions options_;
    Filter filter_;
    std::unique_ptr<GroupFeed> feed_;  // one of the two
    std::unique_ptr<Cursor> cursor_;
    bool waits_for_documents_ = false;  // survivors are decided by their documents

    // Rows that were there at the start and are still to be looked at, one bit each.
    std::vector<std::uint64_t> undecided_;
    std::size_t next_block_ = 0;
    absl::flat_hash_set<Row> waiting_;  // for their documents
    bool done_ = false;
    std::optional<Error> error_;
    std::uint32_t rows_at_start_ = 0;
    std::uint64_t rows_looked_at_ = 0;
    std::uint64_t blocks_looked_at_ = 0;
};

}  // namespace twinhub::fleet
