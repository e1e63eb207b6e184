#include "fleet/scan/scan.h"

#include "fleet/scan/explain.h"
#include "fleet/testing/run_query.h"
#include "query/compile.h"
#include "query/narrow.h"
#include "twin/node.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Instant now = parse_instant("2026-03-01T12:00:00Z").value();

testing::Model model(std::size_t n) {
    testing::Model made;
    made.device_id = fmt::format("d{:05}", n);
    made.twin.tags = twin::build(
        json::object{{"n", static_cast<std::int64_t>(n)}, {"kind", n % 2 == 0 ? "even" : "odd"}},
        {});
    made.twin.desired = twin::build(json::object{{"a", 1}}, {now, 2});
    return made;
}

void fill(testing::ModelFleet& fleet, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) fleet.put(model(n));
}

std::shared_ptr<const query::Plan> plan_of(std::string_view text) {
    auto plan = query::compile(text);
    EXPECT_TRUE(plan) << text << (plan ? "" : plan.error().message);
    return std::make_shared<const query::Plan>(plan.value_or(query::Plan{}));
}

Result<> finish(Scan& scan) {
    while (true) {
        TRY(const Scan::Progress progress, scan.run(100));
        if (progress == Scan::Progress::done) return {};
        if (progress == Scan::Progress::needs_documents)
            return failure(twinhub::Code::internal, "needs documents");
    }
}

std::vector<std::string> rows_of(const Cursor::Page& page) {
    std::vector<std::string> rows;
    for (const Entry& entry : page.entries) rows.push_back(entry.json);
    return rows;
}

TEST(ScanSlices, GoOnAfterAsManyBlocksAsWereAllowed) {
    testing::ModelFleet fleet;
    fill(fleet, 10'000);
    Scan scan(plan_of("SELECT COUNT() AS n FROM devices WHERE tags.kind = 'even'"), fleet.table(),
              now);
    EXPECT_EQ(scan.run(1).value(), Scan::Progress::more);
    EXPECT_EQ(scan.blocks_looked_at(), 1u);
    EXPECT_EQ(scan.run(1).value(), Scan::Progress::more);
    // Rows that are behind and rows that are ahead change, go and come.
    for (const std::size_t n : {std::size_t{10}, std::size_t{9000}}) {
        fleet.remove(model(n));
        testing::Model odd = model(n + 2);
        odd.twin.tags = model(n + 1).twin.tags;
        fleet.put(odd);
        fleet.put(model(100'000 + n));
    }
    EXPECT_EQ(scan.run(1).value(), Scan::Progress::done);
    EXPECT_THAT(scan.groups().answer(), ElementsAre(R"({"n":5000})"));
}

TEST(ScanSlices, AskForDocumentsInBatches) {
    testing::ModelFleet fleet;
    fill(fleet, 10);
    Scan scan(plan_of("SELECT COUNT() AS n FROM devices WHERE tags.kind = 'odd' AND "
                      "properties.desired.$metadata.a.$lastUpdatedVersion = 2"),
              fleet.table(), now, {.keep = fleet.keep(), .after = {}, .documents_max = 100});
    ASSERT_EQ(scan.run(10).value(), Scan::Progress::needs_documents);
    const std::vector<Row> wanted = scan.documents_wanted();
    EXPECT_THAT(wanted, SizeIs(5));
    // A row that goes meanwhile counts as it was; its late document does not count twice.
    const Row gone = fleet.table().find({"d00003", ""}).value();
    const json::object late = fleet.document(gone);
    fleet.remove(model(3));
    EXPECT_THAT(scan.documents_wanted(), SizeIs(4));
    scan.give(gone, late);
    for (const Row row : scan.documents_wanted()) scan.give(row, fleet.document(row));
    EXPECT_EQ(scan.run(10).value(), Scan::Progress::done);
    EXPECT_THAT(scan.groups().answer(), ElementsAre(R"({"n":5})"));
}

TEST(ScanSlices, FailWhenARowChangesWhoseOldDocumentCannotBeHad) {
    testing::ModelFleet fleet;
    fill(fleet, 3);
    Scan scan(plan_of("SELECT COUNT() AS n FROM devices WHERE "
                      "properties.desired.$metadata.a.$lastUpdatedVersion = 2"),
              fleet.table(), now);
    fleet.remove(model(1));
    EXPECT_EQ(scan.run(10).error().code, twinhub::Code::unavailable);
}

TEST(ScanBudget, BoundsGroupsRowsToSortAndRowsLookedAt) {
    testing::ModelFleet fleet;
    fill(fleet, 5000);
    const auto outcome = [&](std::string_view text, ScanOptions options) {
        Scan scan(plan_of(text), fleet.table(), now, std::move(options));
        const auto done = finish(scan);
        return done ? "done" : done.error().message;
    };
    ScanOptions few_groups;
    few_groups.groups.groups_max = 100;
    const auto by_n = "SELECT tags.n, COUNT() AS c FROM devices GROUP BY tags.n";
    EXPECT_EQ(outcome(by_n, few_groups), "The query is over budget: it has too many groups.");
    EXPECT_EQ(outcome(by_n, {}), "done");
    EXPECT_EQ(outcome("SELECT tags.kind AS k, tags.n AS n, COUNT() AS c FROM devices "
                      "GROUP BY tags.kind, tags.n",
                      few_groups),
              "The query is over budget: it has too many groups.");
    ScanOptions small_groups;
    small_groups.groups.bytes_max = 100;
    EXPECT_EQ(outcome("SELECT deviceId, COUNT() AS c FROM devices GROUP BY deviceId", small_groups),
              "The query is over budget: it has too many groups.");
    ScanOptions little_room;
    little_room.cursor.sorted_bytes_max = 10'000;
    EXPECT_EQ(outcome("SELECT deviceId FROM devices ORDER BY tags.n", little_room),
              "The query is over budget: it has too many rows to sort.");
    EXPECT_EQ(outcome("SELECT deviceId FROM devices ORDER BY tags.n LIMIT 20", little_room),
              "done");
    EXPECT_EQ(outcome("SELECT COUNT() AS n FROM devices /*+ maxScan(4096) */", {}),
              "The query is over budget: it has looked at more rows than maxScan allows.");
    EXPECT_EQ(outcome("SELECT COUNT() AS n FROM devices /*+ maxScan(5000) */", {}), "done");
}

TEST(ScanBudget, BoundsTheGroupsOfAMergedAnswer) {
    const auto plan = plan_of("SELECT tags.n, COUNT() AS c FROM devices GROUP BY tags.n");
    Groups all(*plan, {.groups_max = 1, .bytes_max = 100});
    Groups one(*plan);
    one.place("a");
    EXPECT_TRUE(all.merge(one));
    one.place("b");
    EXPECT_EQ(all.merge(one).error(), Groups::over_budget());
}

TEST(Pages, KeepTheRowsOfTheFirstOneWhateverIsWritten) {
    testing::ModelFleet fleet;
    fill(fleet, 300);
    for (const char* text : {"SELECT tags.n FROM devices WHERE tags.n >= 0",
                             "SELECT tags.n FROM devices WHERE tags.n IN [0, 1, 2, 3, 4, 5]",
                             "SELECT tags.n FROM devices ORDER BY tags.n"}) {
        Scan scan(plan_of(text), fleet.table(), now);
        ASSERT_TRUE(finish(scan));
        const Cursor::Page first = scan.cursor().read("", 2, 1000).value();
        EXPECT_THAT(rows_of(first), ElementsAre(R"({"n":0})", R"({"n":1})"));
        EXPECT_FALSE(first.complete);
        fleet.remove(model(3));
        testing::Model other = model(4);
        other.twin.tags = twin::build(json::object{{"n", -1}}, {});
        fleet.put(other);
        fleet.put(model(3));
        const std::string after = first.entries.back().position;
        for (int again = 0; again < 2; ++again)
            EXPECT_THAT(rows_of(scan.cursor().read(after, 3, 1000).value()),
                        ElementsAre(R"({"n":2})", R"({"n":3})", R"({"n":4})"));
        fleet.put(model(4));
    }
}

TEST(Pages, AreLostOverTheBudgetAndGoOnFromTheLastKey) {
    testing::ModelFleet fleet;
    fill(fleet, 50);
    const auto plan = plan_of("SELECT tags.n FROM devices");
    ScanOptions options;
    options.cursor.captured_bytes_max = 20;
    Scan scan(plan, fleet.table(), now, options);
    ASSERT_TRUE(finish(scan));
    const Cursor::Page first = scan.cursor().read("", 2, 1000).value();
    const std::string after = first.entries.back().position;
    for (std::size_t n = 2; n < 6; ++n) fleet.remove(model(n));
    EXPECT_TRUE(scan.cursor().lost());
    EXPECT_EQ(scan.cursor().read(after, 2, 1000).error().code, twinhub::Code::unavailable);

    ScanOptions from_there;
    from_there.after = after;
    for (const char* text :
         {"SELECT tags.n FROM devices", "SELECT tags.n FROM devices WHERE tags.n IN [0, 6, 7]"}) {
        Scan next(plan_of(text), fleet.table(), now, from_there);
        ASSERT_TRUE(finish(next));
        EXPECT_THAT(rows_of(next.cursor().read(after, 2, 1000).value()),
                    ElementsAre(R"({"n":6})", R"({"n":7})"));
    }
}

TEST(Pages, OfWholeDocumentsShowChangedRowsAsTheyWere) {
    testing::ModelFleet fleet;
    fill(fleet, 3);
    Scan scan(plan_of("SELECT * FROM devices"), fleet.table(), now, {.keep = fleet.keep()});
    ASSERT_TRUE(finish(scan));
    const Cursor::Page page = scan.cursor().read("", 10, 1000).value();
    ASSERT_THAT(page.entries, SizeIs(3));
    EXPECT_TRUE(page.complete);
    EXPECT_TRUE(page.entries[1].needs_document);
    const json::object before = fleet.document(page.entries[1].row);
    testing::Model other = model(1);
    other.twin.tags = twin::build(json::object{{"n", -1}}, {});
    fleet.put(other);
    // Its document was fetched after the change.
    const auto json = scan.cursor().render(page.entries[1].row, other.document());
    EXPECT_EQ(parse_json(json.value()).value(), json::value(before));
}

TEST(Pages, AreLostWhenNobodyKeepsOldDocuments) {
    testing::ModelFleet fleet;
    fill(fleet, 3);
    Scan scan(plan_of("SELECT * FROM devices"), fleet.table(), now);
    ASSERT_TRUE(finish(scan));
    fleet.remove(model(2));
    EXPECT_TRUE(scan.cursor().lost());
}

TEST(Pages, StopAfterSomeStepsAndSayHowFarTheyCame) {
    testing::ModelFleet fleet;
    fill(fleet, 100);
    Scan scan(plan_of("SELECT tags.n FROM devices WHERE tags.n >= 90"), fleet.table(), now);
    ASSERT_TRUE(finish(scan));
    const Cursor::Page page = scan.cursor().read("", 5, 30).value();
    EXPECT_THAT(page.entries, IsEmpty());
    EXPECT_FALSE(page.complete);
    EXPECT_THAT(scan.cursor().read(page.seen, 1, 100).value().entries, SizeIs(1));
}

TEST(Pages, OfNoRowsAreCompleteHoweverTheRowsAreFound) {
    testing::ModelFleet fleet;
    fill(fleet, 3);
    for (const char* condition : {"deviceId IN ['d00001']", "tags.n = 1"}) {
        Scan scan(
            plan_of("SELECT tags.n FROM devices WHERE " + std::string(condition) + " LIMIT 0"),
            fleet.table(), now);
        ASSERT_TRUE(finish(scan));
        const Cursor::Page page = scan.cursor().read("", 10, 100).value();
        EXPECT_TRUE(page.complete) << condition;
        EXPECT_THAT(page.entries, IsEmpty());
    }
}

TEST(Pages, PassCapturedRowsThatFailByTheirDocuments) {
    testing::ModelFleet fleet;
    fill(fleet, 9);
    const auto change = [&fleet](json::object desired, std::uint64_t version) {
        for (const std::size_t n : {0u, 1u, 2u, 3u, 4u}) {
            testing::Model made = model(n);
            made.twin.desired = twin::build(desired, {now, version});
            fleet.put(made);
        }
    };
    change({{"a", 1}}, 3);
    Scan scan(plan_of("SELECT deviceId FROM devices WHERE "
                      "properties.desired.$metadata.a.$lastUpdatedVersion = 2 AND tags.n >= 0"),
              fleet.table(), now, {.keep = fleet.keep()});
    ASSERT_TRUE(finish(scan));
    change({{"a", 2}}, 4);
    // From the same position until there are enough.
    Cursor::Page page = scan.cursor().read("", 2, 1).value();
    for (int i = 0; page.entries.size() < 2 && !page.complete && i < 1000; ++i)
        page = scan.cursor().read("", 2, 1).value();
    ASSERT_THAT(page.entries, SizeIs(2));
    EXPECT_EQ(page.entries[0].device, "d00005");
}

TEST(Pages, OfShardsMergeUpToWhatAllOfThemKnow) {
    const auto entry = [](std::string position) {
        return Entry{.position = std::move(position), .device = {}, .module = {}, .json = {}};
    };
    Cursor::Page a{.entries = {entry("a"), entry("d")}, .complete = true, .seen = {}};
    Cursor::Page b{.entries = {entry("b")}, .complete = false, .seen = "c"};
    const MergedPage merged = merge_pages({a, b}, 10);
    ASSERT_THAT(merged.entries, SizeIs(2));
    EXPECT_EQ(merged.entries[1].shard, 1u);
    EXPECT_EQ(merged.after, "c");
    EXPECT_FALSE(merged.complete);
    const MergedPage cut = merge_pages({a, b}, 1);
    EXPECT_EQ(cut.after, "a");
    b.complete = true;
    EXPECT_TRUE(merge_pages({a, b}, 10).complete);
}

// A fleet where each device has names of its own must not make one row cost as much as all of them.
TEST(HostileNames, MakeWholeObjectsComeFromDocuments) {
    testing::ModelFleet fleet;
    for (std::size_t n = 0; n < 600; ++n) {
        testing::Model made = model(n);
        made.twin.tags = twin::build(
            json::object{{"o", json::object{{fmt::format("k{}", n), 1}, {"lat", 1}, {"lon", 1}}}},
            {});
        fleet.put(made);
    }
    Scan scan(plan_of("SELECT tags.o FROM devices WHERE GEO_DISTANCE(tags.o, 1, 1) < 1000"),
              fleet.table(), now, {.keep = fleet.keep()});
    ASSERT_TRUE(finish(scan));
    EXPECT_TRUE(scan.filter().needs_documents());
    const Cursor::Page page = scan.cursor().read("", 1, 10).value();
    ASSERT_THAT(page.entries, SizeIs(1));
    ASSERT_TRUE(page.entries[0].needs_document);
    EXPECT_EQ(scan.cursor().render(page.entries[0].row, fleet.document(page.entries[0].row)),
              R"({"o":{"k0":1,"lat":1,"lon":1}})");
}

TEST(Hidden, PartsAreCutFromEveryAnswer) {
    testing::ModelFleet fleet;
    testing::Model secret = model(1);
    secret.twin.tags =
        twin::build(json::object{{"n", 1}, {"o", json::object{{"open", 1}, {"hidden", 2}}}}, {});
    fleet.put(secret);
    const auto answer = [&](std::string_view text) {
        query::Plan plan = *plan_of(text);
        query::hide(plan, {.segments = {"tags", "o", "hidden"}});
        testing::ModelFleet* const shards[] = {&fleet};
        return testing::run_query(plan, shards, now).value();
    };
    EXPECT_THAT(answer("SELECT tags.o FROM devices"), ElementsAre(R"({"o":{"open":1}})"));
    EXPECT_THAT(answer("SELECT tags.o.hidden FROM devices"), ElementsAre("{}"));
    EXPECT_THAT(answer("SELECT tags.o, COUNT() AS n FROM devices GROUP BY tags.o"),
                ElementsAre(R"({"o":{"open":1},"n":1})"));
    EXPECT_THAT(answer("SELECT tags.o, COUNT() AS n FROM devices "
                       "WHERE properties.desired.$metadata.a.$lastUpdatedVersion = 2 "
                       "GROUP BY tags.o"),
                ElementsAre(R"({"o":{"open":1},"n":1})"));
    EXPECT_THAT(answer("SELECT * FROM devices").front(),
                ::testing::Not(::testing::HasSubstr("hidden")));
    EXPECT_THAT(answer("SELECT deviceId FROM devices WHERE tags.o.hidden = 2"), IsEmpty());
}

TEST(Explain, NamesTheWaysInTheirOrderWithWhatTheyShouldGive) {
    testing::ModelFleet fleet;
    fill(fleet, 5000);
    const auto explained = [&](std::string_view text) {
        Scan scan(plan_of(text), fleet.table(), now, {.keep = fleet.keep()});
        EXPECT_TRUE(finish(scan));
        const ScanFacts shards[] = {facts_of(scan)};
        return explain(scan.plan(), shards);
    };
    const json::object analyzed = explained(
        "EXPLAIN ANALYZE SELECT deviceId FROM devices WHERE LENGTH(deviceId) + tags.n = "
        "70 AND tags.kind = 'even' AND tags.n < 100");
    const json::array& steps = analyzed.at("plan").get_array();
    ASSERT_THAT(steps, SizeIs(2));
    EXPECT_EQ(steps[0].at("op"), "codeScan");
    EXPECT_EQ(steps[0].at("condition"), "tags.kind = 'even'");
    EXPECT_EQ(steps[0].at("rowsIn"), 5000);
    EXPECT_EQ(steps[0].at("rows"), 2500);
    EXPECT_EQ(steps[1].at("op"), "wordScan");
    EXPECT_EQ(steps[1].at("condition"), "tags.n < 100");
    EXPECT_EQ(steps[1].at("rows"), 50);
    const json::array& filters = analyzed.at("filters").get_array();
    ASSERT_THAT(filters, SizeIs(1));
    EXPECT_EQ(filters[0].at("op"), "rowFilter");
    EXPECT_EQ(filters[0].at("rowsIn"), 50);
    EXPECT_EQ(filters[0].at("rows"), 1);
    EXPECT_EQ(analyzed.at("rowsLookedAt"), 5000);
    EXPECT_EQ(analyzed.at("blocks"), 2);

    const json::object by_id = explained(
        "EXPLAIN SELECT * FROM devices WHERE deviceId IN ['d00001', 'x'] AND "
        "properties.desired.$metadata.a.$lastUpdatedVersion = 2");
    EXPECT_EQ(by_id.at("plan").at(0).at("op"), "idLookup");
    EXPECT_EQ(by_id.at("plan").at(0).at("est"), 1);
    EXPECT_EQ(by_id.at("filters").at(0).at("op"), "documentFilter");
    EXPECT_EQ(by_id.at("estRows"), 1);
    EXPECT_EQ(by_id.at("meterUnits"), 1);
    EXPECT_FALSE(by_id.contains("blocks"));

    const json::object all = explained("EXPLAIN SELECT deviceId FROM devices LIMIT 10");
    EXPECT_EQ(all.at("plan").at(0).at("op"), "fullScan");
    EXPECT_EQ(all.at("estRows"), 10);
}

}  // namespace
}  // namespace twinhub::fleet
