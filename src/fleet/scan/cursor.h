#pragma once

#include "base/result.h"
#include "fleet/scan/block.h"
#include "fleet/scan/filter.h"
#include "fleet/scan/old_row.h"
#include "fleet/scan/projection.h"

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::fleet {

struct CursorLimits {
    std::size_t sorted_bytes_max = 64 << 20;    // rows that wait in the order of ORDER BY
    std::size_t captured_bytes_max = 16 << 20;  // rows that changed before they were delivered
};

// One row of the answer of a shard.
struct Entry {
    std::string position;  // sort keys, then the id, as bytes: the order of the whole answer
    std::string device;
    std::string module;
    Row row = 0;
    std::size_t shard = 0;        // which page it came from, once they are merged
    std::string json;             // the answer's row; empty when its document is needed
    bool needs_document = false;  // give it to Cursor::render
};

// The rows of an answer that is read page by page: all as they were when the scan began, whatever
// is written in between. A row that is about to change is captured first, within a budget; over the
// budget the cursor is lost, and who reads it goes on with a new scan after the last position.
// Reading again from the same position gives the same rows, so that the pages of several shards can
// be merged and what was not used be read again.
class Cursor {
public:
    // Rows at or before the position `after` are left out. `filter` decides conditions on documents
    // and must outlive the cursor, as must plan and table.
    Cursor(const query::Plan& plan, const Table& table, Filter& filter, KeepRow keep,
           CursorLimits limits, std::string after);

    // Rows are sorted by what only documents have: then the last `add` is the one to use.
    bool sorts_documents() const { return sorts_documents_; }
    bool sorts() const { return !plan_->order_by.empty(); }

    // From the scan: rows that are in the answer, as far as columns can tell. False: too many.
    bool add(const Block& block, const Bits& rows);
    bool add(Row row);
    bool add(Row row, query::RowSource& document);
    void finish();  // all have been added

    // Captures the row when it is still to be delivered.
    void before_change(Row row);
    bool lost() const { return lost_; }

    // Up to `count` rows after a position, in order; earlier ones are forgotten. Looks at no more
    // than about `steps` rows of the table. Errors: unavailable, the cursor is lost.
    struct Page {
        std::vector<Entry> entries;
        bool complete = false;  // there are no more rows
        std::string seen;       // otherwise: up to this position there are no others
    };
    Result<Page> read(std::string_view after, std::size_t count, std::size_t steps);

    // The answer's row for an entry that needs its document. When the row has changed since, the
    // document is the captured one, whatever is given. Nothing: a condition on it fails.
    std::optional<std::string> render(Row row, json::object document);
    // Whether that would give the row's document as it is now, unread.
    bool gives_document(Row row) const {
        return plan_->star && plan_->hidden.empty() && !filter_->needs_documents() &&
               is_pending(row) && !captured_.contains(row);
    }

private:
    struct Captured {
        std::string device;
        std::string module;
        std::string json;                   // where columns are enough for the answer
        std::shared_ptr<const OldRow> old;  // otherwise
    };
    struct Place {
        std::string position;
        Row row = 0;
    };
    struct Earlier {
        using is_transparent = void;
        bool operator()(const Place& a, const Place& b) const { return a.position < b.position; }
        bool operator()(const Place& a, std::string_view b) const { return a.position < b; }
        bool operator()(std::string_view a, const Place& b) const { return a < b.position; }
    };

    bool is_pending(Row row) const {
        return row / 64 < pending_.size() && (pending_[row / 64] >> (row % 64) & 1) != 0;
    }
    void set_pending(Row row);
    void clear_pending(Row row);
    void drop(Row row);
    bool add_sorted(Row row, query::RowSource& source);
    void place(std::string position, Row row);
    bool walk(std::size_t count, std::size_t steps);
    using Places = absl::btree_set<Place, Earlier>;
    Places::iterator take_out(Places::iterator at);
    std::optional<Entry> entry_of(const Place& place);
    void append_id(std::string& out, Row row) const;

    const query::Plan* plan_;
    const Table* table_;
    Filter* filter_;
    KeepRow keep_;
    CursorLimits limits_;
    Paths answer_;
    bool renders_documents_;
    bool sorts_documents_ = false;
    std::optional<std::uint64_t> rows_max_;  // of sorted rows: no page asks for more

    std::vector<std::uint64_t> pending_;  // rows to deliver that have not changed, one bit each
    std::size_t pending_count_ = 0;
    absl::flat_hash_map<Row, Captured> captured_;  // those that have
    std::size_t captured_bytes_ = 0;
    bool lost_ = false;

    // Rows in their place. In key order the others are found by walking through the table's keys.
    Places places_;
    std::size_t places_bytes_ = 0;
    bool walks_ = false;
    std::string walked_;  // position
    std::string after_;
    std::string buffer_;
};

// The next rows of the whole answer from a page of each shard: in order, at most `count`, and only
// those that no shard can have an earlier one for.
struct MergedPage {
    std::vector<Entry> entries;
    std::string after;      // where the next page begins
    bool complete = false;  // there is none
};
MergedPage merge_pages(std::vector<Cursor::Page> pages, std::size_t count);

}  // namespace twinhub::fleet
