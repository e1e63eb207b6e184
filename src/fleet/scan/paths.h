#pragma once

#include "fleet/scan/trees.h"
#include "fleet/table.h"
#include "query/evaluate.h"
#include "query/plan.h"

#include <cstdint>
#include <span>
#include <vector>

namespace twinhub::fleet {

// What values are read for: conditions look into objects in a few functions only, an answer shows
// them whole.
enum class Use : std::uint8_t { condition, answer };

// How the paths of a plan are read in a table. The table may change between two reads: columns are
// looked up again when it has.
class Paths {
public:
    Paths(const query::Plan& plan, const Table& table, Use use);

    // Its value cannot be had from columns: it leads into $metadata, or its whole object is asked
    // for and has $metadata, or is one of a fleet where objects have more names than are worth
    // asking for in each row.
    bool needs_document(query::PathIndex path) const { return bound_[path].document; }

    // The column that alone decides the value, but for the members of objects; null when that is
    // undefined in every row. Only of paths that are `simple`.
    const Column* column(query::PathIndex path) { return bind(path).column; }
    // A path of keys alone.
    bool simple(query::PathIndex path) const {
        return bound_[path].rest.empty() && !bound_[path].document;
    }
    // One whose objects nobody looks into.
    bool plain(query::PathIndex path) const { return simple(path) && !bound_[path].whole; }

    // Good until the same path is read of another row, or the table changes.
    query::Value value(query::PathIndex path, Row row);

    const Table& table() const { return *table_; }

private:
    struct Bound {
        std::vector<query::Segment> keys;
        std::vector<query::Segment> rest;  // from the first index on: inside of an array
        bool whole = false;                // objects are put together, not only marked
        bool document = false;
        const Column* column = nullptr;
        Members members;                             // of whole objects
        std::uint64_t revision = ~std::uint64_t{0};  // of the table, when `column` was looked up
        Row row = no_row;                            // that `value` was read of, at that revision
        query::Value value;  // so that a second read does not take the first one's memory away
        Scratch scratch;
        Scratch member_scratch;
    };
    static constexpr Row no_row = 0xFFFF'FFFF;
    Bound& bind(query::PathIndex path);
    query::Value read(Bound& bound, query::PathIndex path, Row row);

    const query::Plan* plan_;
    const Table* table_;
    std::vector<Bound> bound_;
};

// One row of the table, as the evaluator wants it.
class ColumnRow final : public query::RowSource {
public:
    ColumnRow(Paths& paths, Row row) : paths_(&paths), row_(row) {}
    query::Value get(query::PathIndex path) override { return paths_->value(path, row_); }

private:
    Paths* paths_;
    Row row_;
};

// The paths that an expression reads, each once.
std::vector<query::PathIndex> paths_of(const query::Plan& plan, query::ExprIndex expr);

}  // namespace twinhub::fleet
