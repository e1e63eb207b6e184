#pragma once

#include "fleet/scan/condition.h"
#include "fleet/scan/leaf.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::fleet {

// What one condition of a WHERE did, for EXPLAIN.
struct ConditionFacts {
    std::string_view op;  // idLookup, codeScan, wordScan, timeScan, sparseScan, rowFilter,
                          // documentFilter
    std::string text;
    double share = 1;  // of the rows that are estimated to pass
    std::uint64_t rows_in = 0;
    std::uint64_t rows_out = 0;
    std::uint64_t blocks = 0;
};

// The WHERE of a plan over a table, planned once: its conditions in the order in which they cost
// least. A row passes when it passes the columns' part and the documents' part.
class Filter {
public:
    Filter(const query::Plan& plan, const Table& table, Instant now);

    // When an id is asked for: the only rows that can pass. Otherwise nothing.
    const std::optional<std::vector<Row>>& rows_by_id() const { return by_id_; }

    // Keeps of `rows` those that pass the columns' part.
    void keep(const Block& block, Bits& rows);
    bool passes_columns(Row row);

    // Conditions that read what is not in columns.
    bool needs_documents() const { return !document_parts_.empty(); }
    bool passes_document(query::RowSource& document);

    // In the order in which they are applied; those on documents last.
    std::vector<ConditionFacts> facts() const;
    double share() const;  // of all rows, estimated to pass

private:
    // A Condition with a Leaf where it needs one.
    struct Node {
        Condition::Kind kind = Condition::Kind::always;
        std::vector<Node> parts;
        std::optional<Leaf> leaf;
    };
    struct Part {
        Condition condition;
        Node node;
        double cost = 0;
        ConditionFacts facts;
        std::size_t place = 0;  // in the text
    };

    Node node_of(const Condition& condition);
    void keep(Node& node, const Block& block, Bits& rows);
    bool holds(const Condition& condition, query::RowSource& row);
    bool needs_document(const Condition& condition) const;
    std::optional<std::vector<Row>> look_up(const Condition& condition) const;
    void add(Condition condition);
    void estimate(Part& part);
    void describe(Part& part);

    const query::Plan* plan_;
    const Table* table_;
    std::unique_ptr<Evaluation> evaluation_;  // where leaves find it
    std::optional<std::vector<Row>> by_id_;
    std::vector<Part> parts_;
    std::vector<Part> document_parts_;
    std::optional<ConditionFacts> id_facts_;
};

}  // namespace twinhub::fleet
