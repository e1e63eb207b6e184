#include "fleet/scan/explain.h"

#include <algorithm>
#include <cmath>

namespace twinhub::fleet {
namespace {

// What rows of an answer take, roughly: a twin, or a name and a value.
constexpr double document_bytes = 1200;
constexpr double item_bytes = 32;
constexpr double meter_bytes = 4096;  // of one metering unit, spec query-language 1

bool is_filter(const ConditionFacts& facts) {
    return facts.op == "rowFilter" || facts.op == "documentFilter";
}

// One condition over all shards.
struct Line {
    ConditionFacts facts;
    double estimated = 0;  // rows
};

json::object to_json(const Line& line, bool analyze) {
    json::object object{{"op", line.facts.op},
                        {"condition", line.facts.text},
                        {"est", std::llround(line.estimated)}};
    if (!analyze) return object;
    object["rowsIn"] = line.facts.rows_in;
    object["rows"] = line.facts.rows_out;
    object["blocks"] = line.facts.blocks;
    return object;
}

}  // namespace

ScanFacts facts_of(const Scan& scan) {
    return {.rows_at_start = static_cast<double>(scan.rows_at_start()),
            .share = scan.filter().share(),
            .rows_looked_at = scan.rows_looked_at(),
            .blocks_looked_at = scan.blocks_looked_at(),
            .conditions = scan.filter().facts()};
}

json::object explain(const query::Plan& plan, std::span<const ScanFacts> shards) {
    const bool analyze = plan.explain == query::Explain::analyze;
    std::vector<Line> lines;
    double rows = 0;
    double live = 0;
    std::uint64_t looked_at = 0;
    std::uint64_t blocks = 0;
    for (const ScanFacts& scan : shards) {
        rows += scan.rows_at_start * scan.share;
        live += scan.rows_at_start;
        looked_at += scan.rows_looked_at;
        blocks += scan.blocks_looked_at;
        // Shards may have chosen another order: the first one's is shown.
        for (const ConditionFacts& facts : scan.conditions) {
            auto line = std::ranges::find_if(
                lines, [&](const Line& known) { return known.facts.text == facts.text; });
            const double estimated = scan.rows_at_start * facts.share;
            if (line == lines.end()) {
                lines.push_back({facts, estimated});
                continue;
            }
            line->estimated += estimated;
            line->facts.rows_in += facts.rows_in;
            line->facts.rows_out += facts.rows_out;
            line->facts.blocks += facts.blocks;
        }
    }
    if (plan.limit && !plan.grouped) rows = std::min(rows, static_cast<double>(*plan.limit));

    json::array steps;
    json::array filters;
    for (const Line& line : lines)
        (is_filter(line.facts) ? filters : steps).push_back(to_json(line, analyze));
    if (steps.empty())
        steps.push_back(json::object{{"op", "fullScan"}, {"est", std::llround(live)}});
    const double row_bytes =
        plan.star ? document_bytes : item_bytes * static_cast<double>(plan.items.size());
    const double bytes = rows * row_bytes;
    json::object object{{"plan", std::move(steps)},
                        {"filters", std::move(filters)},
                        {"estRows", std::llround(rows)},
                        {"estBytes", std::llround(bytes)},
                        {"meterUnits", std::llround(std::ceil(bytes / meter_bytes))}};
    if (analyze) {
        object["rowsLookedAt"] = looked_at;
        object["blocks"] = blocks;
    }
    return object;
}

}  // namespace twinhub::fleet
