// Fleet queries through the hub: what they see and when, paging, limits. That rows and groups are
// right is tested with the columns (fleet/scan); here histories meet them.
#include "hub/queries.h"

#include "hub/query_budget.h"
#include "hub/testing/histories.h"
#include "query/testing/generators.h"
#include "query/testing/reference.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Devices d0, d1, .. with tags.n.
void fill(TestHub& hub, int devices) {
    for (int i = 0; i < devices; ++i) {
        const std::string name = "d" + std::to_string(i);
        hub.create(spec_of(name));
        ASSERT_TRUE(hub.patch(id_of(name), R"({"tags":{"n":)" + std::to_string(i) + "}}"));
    }
}

TEST(Queries, SeeEveryAcknowledgedChangeAndNoOther) {
    TestHub hub;
    fill(hub, 3);
    EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices WHERE tags.n >= 1"),
                ElementsAre(R"({"deviceId":"d1"})", R"({"deviceId":"d2"})"));
    hub.hold();
    const auto patched = hub.begin_patch(id_of("d0"), R"({"tags":{"n":5}})");
    const auto reported = hub.begin_report(id_of("d1"), R"({"fw":"2"})");
    const auto removed = hub.begin(hub.registry().remove(id_of("d2"), {}, author_of()));
    hub.settle();
    EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices WHERE tags.n >= 1"), SizeIs(2));
    EXPECT_THAT(answer_of(hub,
                          "SELECT deviceId FROM devices WHERE is_defined("
                          "properties.reported.fw)"),
                IsEmpty());
    hub.release();
    hub.settle();
    ASSERT_TRUE(patched.get() && reported.get() && removed.get());
    EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices WHERE tags.n >= 1"),
                ElementsAre(R"({"deviceId":"d0"})", R"({"deviceId":"d1"})"));
    EXPECT_THAT(answer_of(hub,
                          "SELECT deviceId, properties.reported.fw FROM devices WHERE "
                          "is_defined(properties.reported.fw)"),
                ElementsAre(R"({"deviceId":"d1","fw":"2"})"));
}

TEST(Queries, ALostCommitIsNeverSeen) {
    TestHub hub;
    fill(hub, 1);
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_FALSE(hub.patch(id_of("d0"), R"({"tags":{"n":7}})"));
    EXPECT_THAT(answer_of(hub, "SELECT tags.n FROM devices"), ElementsAre(R"({"n":0})"));
}

TEST(Queries, ColumnsAreThereAfterAStart) {
    TestHub hub;
    fill(hub, 5);
    hub.create(spec_of("d1", "m"));
    hub.tick_for(10s);  // some documents are whole, later changes live in the log alone
    ASSERT_TRUE(hub.patch(id_of("d3"), R"({"tags":{"n":30}})"));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("d4"), {}, author_of())));
    ASSERT_TRUE(hub.crash(3));
    EXPECT_THAT(answer_of(hub, "SELECT tags.n FROM devices"),
                ElementsAre(R"({"n":0})", R"({"n":1})", R"({"n":2})", R"({"n":30})"));
    EXPECT_THAT(answer_of(hub, "SELECT moduleId FROM devices.modules"),
                ElementsAre(R"({"moduleId":"m"})"));
}

TEST(Queries, ShowPresence) {
    TestHub hub;
    fill(hub, 2);
    TestLink link;
    hub.clock().advance(1min);
    hub.connect(id_of("d1"), link);
    constexpr std::string_view connected =
        "SELECT deviceId FROM devices WHERE connectionState = 'Connected'";
    EXPECT_THAT(answer_of(hub, connected), ElementsAre(R"({"deviceId":"d1"})"));
    hub.clock().advance(1min);
    hub.shard(id_of("d1")).note_activity(id_of("d1"));
    EXPECT_THAT(answer_of(hub, "SELECT lastActivityTime FROM devices WHERE deviceId = 'd1'"),
                ElementsAre(R"({"lastActivityTime":"2026-03-01T00:02:00Z"})"));
    hub.shard(id_of("d1")).detach(id_of("d1"), link);
    EXPECT_THAT(answer_of(hub, connected), IsEmpty());
}

TEST(Queries, PagesOfOneAnswerShowOneInstant) {
    for (const std::string_view text :
         {"SELECT * FROM devices", "SELECT deviceId, tags.n FROM devices WHERE tags.n < 100",
          "SELECT deviceId, properties.desired.$metadata.$lastUpdated FROM devices",
          "SELECT deviceId, tags.n FROM devices ORDER BY tags.n DESC",
          "SELECT tags.n, COUNT() AS c FROM devices GROUP BY tags.n"}) {
        TestHub hub;
        fill(hub, 12);
        const std::vector<std::string> whole = answer_of(hub, text);
        ASSERT_THAT(whole, SizeIs(12)) << text;
        auto page = page_of(hub, text, {}, 3);
        std::vector<std::string> rows = page->rows;
        for (int i = 0; !page->cursor.empty(); ++i) {
            // Everything changes between two pages.
            ASSERT_TRUE(hub.run(
                hub.registry().remove(id_of("d" + std::to_string(11 - i)), {}, author_of())));
            ASSERT_TRUE(hub.patch(id_of("d0"), R"({"tags":{"n":)" + std::to_string(50 + i) + "}}"));
            ASSERT_TRUE(hub.patch(id_of("d7"), R"({"tags":{"n":)" + std::to_string(60 + i) + "}}"));
            hub.create(spec_of("e" + std::to_string(i)));
            page = page_of(hub, text, page->cursor, 3);
            ASSERT_TRUE(page) << text << ": " << page.error().message;
            rows.insert(rows.end(), page->rows.begin(), page->rows.end());
        }
        EXPECT_EQ(rows, whole) << text;
    }
}

TEST(Queries, GoOnBehindTheLastRowWhenTheAnswerWasForgotten) {
    TestHub hub;
    fill(hub, 6);
    constexpr std::string_view text = "SELECT deviceId, tags.n FROM devices";
    const auto first = page_of(hub, text, {}, 2);
    hub.tick_for(301s);
    ASSERT_TRUE(hub.patch(id_of("d0"), R"({"tags":{"n":70}})"));
    ASSERT_TRUE(hub.patch(id_of("d3"), R"({"tags":{"n":73}})"));
    const auto second = page_of(hub, text, first->cursor, 2);
    ASSERT_TRUE(second);
    EXPECT_THAT(second->rows,
                ElementsAre(R"({"deviceId":"d2","n":2})", R"({"deviceId":"d3","n":73})"));
}

TEST(Queries, LimitAndOffsetHoldOverPagesAndShards) {
    TestHub hub(Settings{}, 3);
    fill(hub, 9);
    for (const std::size_t rows_max : {1u, 2u, 100u}) {
        EXPECT_THAT(answer_of(hub, "SELECT tags.n FROM devices LIMIT 4 OFFSET 3", rows_max),
                    ElementsAre(R"({"n":3})", R"({"n":4})", R"({"n":5})", R"({"n":6})"));
        EXPECT_THAT(
            answer_of(hub, "SELECT TOP 2 tags.n FROM devices ORDER BY tags.n DESC", rows_max),
            ElementsAre(R"({"n":8})", R"({"n":7})"));
        EXPECT_THAT(answer_of(hub, "SELECT COUNT() AS c FROM devices", rows_max),
                    ElementsAre(R"({"c":9})"));
    }
}

TEST(Queries, AskOnlyTheShardOfADeviceThatIsNamed) {
    TestHub hub;
    fill(hub, 4);
    const auto page = page_of(hub, "SELECT tags.n FROM devices WHERE deviceId = 'd2' AND true");
    EXPECT_THAT(page->rows, ElementsAre(R"({"n":2})"));
    EXPECT_LE(page->rows_looked_at, 1u);
    EXPECT_THAT(answer_of(hub, "SELECT * FROM devices WHERE deviceId = 'no device/name'"),
                IsEmpty());
    EXPECT_THAT(answer_of(hub, "SELECT COUNT() AS n FROM devices WHERE deviceId = 'none'"),
                ElementsAre(R"({"n":0})"));
}

TEST(Queries, ExplainTheirPlan) {
    TestHub hub;
    fill(hub, 4);
    EXPECT_THAT(answer_of(hub, "EXPLAIN SELECT deviceId FROM devices WHERE tags.n = 1"),
                ElementsAre(HasSubstr("tags.n = 1")));
    EXPECT_THAT(answer_of(hub, "EXPLAIN ANALYZE SELECT deviceId FROM devices WHERE tags.n = 1"),
                ElementsAre(HasSubstr("\"ms\"")));
}

TEST(Queries, RefuseWhatTheyCannotDo) {
    TestHub hub(Settings{.query_budget = 100ms});
    fill(hub, 2);
    EXPECT_EQ(page_of(hub, "SELECT * FROM devices", "nonsense").error().code,
              Code::argument_invalid);
    EXPECT_THAT(answer_of(hub, "SELECT * FROM devices.jobs"), IsEmpty());
    const auto unwanted = hub.run(hub.hub().queries().run(
        plan_of("SELECT * FROM devices WHERE is_defined(properties.desired.$metadata.a)"),
        {.principal = "p", .wanted = [&hub] {
             hub.clock().advance(1s);
             return false;
         }}));
    // Too little work to be asked even once, or given up: never half an answer.
    if (!unwanted) EXPECT_EQ(unwanted.error().code, Code::timeout);
}

TEST(QueryBudget, FillsWithinAMinute) {
    QueryBudget budget(10s);
    const Moment start{};
    EXPECT_EQ(budget.wait("a", start), std::nullopt);
    budget.charge("a", 9s, start);
    EXPECT_EQ(budget.wait("a", start), std::nullopt);
    budget.charge("a", 6s, start);
    EXPECT_EQ(budget.wait("a", start), 31s);  // half of it is missing
    EXPECT_EQ(budget.wait("b", start), std::nullopt);
    EXPECT_EQ(budget.wait("a", start + 29s), 2s);
    EXPECT_EQ(budget.wait("a", start + 31s), std::nullopt);
    QueryBudget without(0s);
    without.charge("a", 1h, start);
    EXPECT_EQ(without.wait("a", start), std::nullopt);
}

// The documents of a collection as services see them.
std::vector<json::object> documents_of(TestHub& hub, query::Collection collection) {
    std::vector<json::object> documents;
    const auto which = collection == query::Collection::modules ? Twins::Collection::modules
                                                                : Twins::Collection::devices;
    const auto page = hub.run(hub.twins().page(which, "", 1000));
    for (const TwinView& view : page->twins) {
        std::string text;
        append_twin(text, view);
        documents.push_back(std::move(parse_json(text).value().as_object()));
    }
    return documents;
}

// After any history of a fleet, any query gives what a naive reading of all documents gives.
RC_GTEST_PROP(Queries, AnswerAsTheDocumentsDo, ()) {
    TestHub hub(Settings{.checkpoint_age = std::chrono::milliseconds(below(3000))}, 1 + below(3));
    TestLink link;
    const std::size_t rounds = 1 + below(6);
    for (std::size_t round = 0; round < rounds; ++round) {
        for (std::size_t changes = 1 + below(8); changes > 0; --changes)
            change_something(hub, link);
        const std::string text = *query::testing::any_query(query::Dialect::extended);
        const auto plan = plan_of(text);
        const std::vector<json::object> documents = documents_of(hub, plan->collection);
        std::vector<std::string> wanted;
        for (const json::object& row : query::testing::answer(*plan, documents, hub.clock().now()))
            wanted.push_back(query::testing::canonical_json(row));
        std::vector<std::string> found;
        for (const std::string& row : answer_of(hub, text, 1 + below(5)))
            found.push_back(query::testing::canonical_json(parse_json(row).value()));
        if (plan->grouped && !plan->limit && plan->offset == 0) {
            std::ranges::sort(wanted);
            std::ranges::sort(found);
        }
        if (plan->grouped && (plan->limit || plan->offset > 0)) {
            RC_ASSERT(found.size() == wanted.size());
            continue;
        }
        if (found != wanted) {
            RC_LOG() << text << "\nfound\n";
            for (const std::string& row : found) RC_LOG() << "  " << row << '\n';
            RC_LOG() << "wanted\n";
            for (const std::string& row : wanted) RC_LOG() << "  " << row << '\n';
            RC_FAIL("another answer");
        }
    }
}

}  // namespace
}  // namespace twinhub::hub
