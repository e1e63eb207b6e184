#include "fleet/testing/run_query.h"

namespace twinhub::fleet::testing {
namespace {

Result<> run_to_end(Scan& scan, const ModelFleet& fleet, const Steps& steps) {
    while (true) {
        TRY(const Scan::Progress progress, scan.run(steps.blocks));
        if (progress == Scan::Progress::done) return {};
        if (progress == Scan::Progress::needs_documents) {
            const std::vector<Row> wanted = scan.documents_wanted();
            steps.between();  // documents take time to come
            for (const Row row : wanted) scan.give(row, fleet.document(row));
        }
        steps.between();
    }
}

using Scans = std::vector<std::unique_ptr<Scan>>;

Result<std::vector<std::string>> groups_of(const Scans& scans) {
    Groups all(scans.front()->plan());
    // The empty group of a plan without keys is there once.
    for (const auto& scan : scans) TRY_VOID(all.merge(scan->groups()));
    return all.answer();
}

Result<std::vector<std::string>> rows_of(const Scans& scans, std::span<ModelFleet* const> shards,
                                         const Steps& steps) {
    const query::Plan& plan = scans.front()->plan();
    std::vector<std::string> rows;
    std::uint64_t skip = plan.offset;
    std::string after;
    while (true) {
        std::vector<Cursor::Page> pages;
        for (const auto& scan : scans) {
            TRY(pages.emplace_back(), scan->cursor().read(after, steps.page, steps.walk));
        }
        MergedPage merged = merge_pages(std::move(pages), steps.page);
        for (Entry& entry : merged.entries) {
            if (entry.needs_document) {
                steps.between();
                auto json = scans[entry.shard]->cursor().render(
                    entry.row, shards[entry.shard]->document(entry.row));
                if (!json) continue;
                entry.json = *std::move(json);
            }
            if (skip > 0) {
                --skip;
                continue;
            }
            if (plan.limit && rows.size() >= *plan.limit) return rows;
            rows.push_back(std::move(entry.json));
        }
        if (merged.complete) return rows;
        after = merged.after;
        steps.between();
    }
}

}  // namespace

Result<std::vector<std::string>> run_query(const query::Plan& plan,
                                           std::span<ModelFleet* const> shards, Instant now,
                                           const Steps& steps) {
    const auto shared = std::make_shared<const query::Plan>(plan);
    Scans scans;
    for (ModelFleet* shard : shards) {
        ScanOptions options = steps.options;
        options.keep = shard->keep();
        scans.push_back(std::make_unique<Scan>(shared, shard->table(), now, std::move(options)));
    }
    steps.between();
    for (std::size_t i = 0; i < scans.size(); ++i)
        TRY_VOID(run_to_end(*scans[i], *shards[i], steps));
    return plan.grouped ? groups_of(scans) : rows_of(scans, shards, steps);
}

}  // namespace twinhub::fleet::testing
