#pragma once

#include "fleet/table.h"
#include "hub/as_of/past_slot.h"
#include "hub/drift/drift.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace twinhub::hub {

// Twins of the past as columns, so that a query reads them as it reads those of the present. Made
// on any thread, then read and added to on one loop.
class PastTable {
public:
    // Rows in runs of rising keys. With a judge each shows how it stood by its documents.
    PastTable(std::vector<PastRow> rows, const DriftJudge* judge);
    PastTable(const PastTable&) = delete;
    PastTable& operator=(const PastTable&) = delete;

    void add(PastRow row);  // of a twin that is not there yet

    fleet::Table& table() { return table_; }
    // The service view of a row, with what stands beside it.
    json::object document(fleet::Row row) const;

private:
    std::optional<fleet::DriftRow> standing(const PastRow& row);

    const DriftJudge* judge_;
    std::vector<fleet::DriftCell> cells_;  // of the row that is shown last
    DriftPtr drift_;                       // the same
    std::vector<PastRow> rows_;
    std::unordered_map<fleet::Row, std::size_t> places_;
    fleet::Table table_;
};

}  // namespace twinhub::hub
