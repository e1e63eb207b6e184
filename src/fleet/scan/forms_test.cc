// Every way to decide a condition and to feed an answer, on a fleet whose columns have each form.
#include "fleet/testing/run_query.h"
#include "query/compile.h"
#include "query/testing/reference.h"
#include "twin/node.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace twinhub::fleet {
namespace {

using query::testing::canonical_json;

const Instant now = parse_instant("2026-03-01T12:00:00Z").value();

json::object tags_of(std::size_t i) {
    json::object tags{{"serial", fmt::format("S{}", i * 7919 % 100'003)},
                      {"site", {{"lat", static_cast<double>(i % 60)}, {"lon", 10.5}}}};
    if (i % 3 != 0) tags["n"] = static_cast<double>(i * 31 % 5003) / 8;
    if (i % 100 == 0) tags["n"] = "a text";
    if (i % 77 == 0) tags["rare"] = static_cast<std::int64_t>(i % 5);
    if (i % 500 == 0) tags["rare"] = json::object{{"deep", true}};
    switch (i % 9) {
        case 0: tags["kind"] = "a"; break;
        case 1: tags["kind"] = "b"; break;
        case 2: tags["kind"] = 1; break;
        case 3: tags["kind"] = true; break;
        case 4: tags["kind"] = json::array{1, "b"}; break;
        case 5: tags["kind"] = json::object{{"a", static_cast<std::int64_t>(i % 2)}}; break;
        case 6: tags["kind"] = "1"; break;
        default: break;
    }
    return tags;
}

json::object properties_of(std::size_t i, bool reported) {
    const bool behind = reported && i % 13 == 0;
    json::object section{{"few", behind ? "old" : "new"},
                         {"many", static_cast<std::int64_t>(i % 700 + (behind ? 1 : 0))},
                         {"words", static_cast<double>(i) + (behind ? 0.5 : 0)}};
    if (i % 6 == 0) section["few"] = static_cast<std::int64_t>(reported ? 1 : i % 4);
    if (i % 10 == 0 && reported) section.erase("few");
    if (i % 17 == 0) section["few"] = json::array{1};
    return section;
}

struct Fleet {
    Fleet() {
        // The second block is short, and there are gaps.
        for (std::size_t i = 0; i < 4400; ++i) {
            testing::Model model;
            model.device_id = fmt::format("d{:05}", i * 7919 % 100'003);
            model.connected = i % 4 != 0;
            model.last_activity_time =
                i % 5 == 0 ? never : now - std::chrono::seconds(i * 97 % 100'000);
            model.twin.tags = twin::build(tags_of(i), {});
            model.twin.desired = twin::build(properties_of(i, false), {now, 2});
            model.twin.reported = twin::build(properties_of(i, true), {now, 0});
            model.twin.versions.desired = i % 3 + 1;
            shard.put(model);
        }
        for (std::size_t i = 0; i < 300; ++i) shard.remove(shard.model(i * 3));
        documents = shard.documents();
    }
    testing::ModelFleet shard;
    std::vector<json::object> documents;
};

Fleet& fleet() {
    static Fleet made;
    return made;
}

TEST(Forms, OfThisFleetAreAllButTheWidest) {
    const auto form_at = [](std::vector<query::Segment> path) {
        const Column* column = fleet().shard.table().column(path);
        return column != nullptr ? column->form() : Form::ids;
    };
    EXPECT_EQ(form_at({"tags", "rare"}), Form::sparse);
    EXPECT_EQ(form_at({"tags", "kind"}), Form::codes8);
    EXPECT_EQ(form_at({"tags", "serial"}), Form::codes16);
    EXPECT_EQ(form_at({"tags", "n"}), Form::words);
    EXPECT_EQ(form_at({"properties", "desired", "few"}), Form::codes8);
    EXPECT_EQ(form_at({"properties", "desired", "words"}), Form::words);
    EXPECT_EQ(form_at({"lastActivityTime"}), Form::ticks);
    EXPECT_EQ(form_at({"deviceId"}), Form::ids);
}

class EveryForm : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryForm, AnswersAsTheDocumentsDo) {
    for (const auto missing :
         {query::MissingCompares::undefined, query::MissingCompares::different}) {
        const std::string text = GetParam();
        const auto plan = query::compile(
            text.starts_with("SELECT") ? text : "SELECT deviceId FROM devices WHERE " + text,
            {.missing = missing});
        ASSERT_TRUE(plan) << plan.error().message;
        const auto wanted = query::testing::answer(*plan, fleet().documents, now);
        testing::ModelFleet* const shards[] = {&fleet().shard};
        const auto found = testing::run_query(*plan, shards, now);
        ASSERT_TRUE(found) << found.error().message;
        std::vector<std::string> expected;
        for (const json::object& row : wanted) expected.push_back(canonical_json(row));
        std::vector<std::string> rows;
        for (const std::string& row : *found)
            rows.push_back(canonical_json(parse_json(row).value()));
        if (plan->grouped && plan->order_by.empty()) {
            std::ranges::sort(rows);
            std::ranges::sort(expected);
        }
        EXPECT_EQ(rows.size(), expected.size());
        EXPECT_TRUE(rows == expected);
    }
}

const char* const conditions[] = {
    // codes of eight bits, all types in one column
    "tags.kind = 'a'", "tags.kind != 'a'", "NOT tags.kind = 'a'", "tags.kind IN ['a', 'b', 1]",
    "tags.kind NIN ['a', 'b', 1, true, '1']", "tags.kind < 'b'", "tags.kind = true", "tags.kind",
    "NOT tags.kind", "IS_DEFINED(tags.kind)", "NOT IS_DEFINED(tags.kind)", "IS_OBJECT(tags.kind)",
    "ARRAY_CONTAINS(tags.kind, 'b')", "tags.kind[1] = 'b'", "LENGTH(tags.kind) = 2",
    "tags.kind >= 1 OR tags.kind = 'a' AND NOT tags.kind = 'b'", "tags.kind = null",
    // codes of sixteen bits, more than are looked at in advance
    "tags.serial = 'S7919'", "tags.serial IN ['S0', 'S7919', 'S15838', 'S23757', 'nosuch', 'S1']",
    "STARTSWITH(tags.serial, 'S1')", "NOT STARTSWITH(tags.serial, 'S1')",
    "REGEX_MATCH(tags.serial, '[05]$') AND tags.serial > 'S5'", "tags.serial != 'S7919'",
    // numbers, with texts and nothing between them
    "tags.n < 100", "tags.n <= 100.5", "NOT tags.n > 100", "tags.n = 31", "tags.n != 31",
    "100 < tags.n", "tags.n = 'a text'", "tags.n != 'a text'", "IS_DEFINED(tags.n)",
    "tags.n IN [31, 62, 'a text']", "tags.n + 1 < 100", "NOT (tags.n >= 1 AND tags.n < 600)",
    "IS_STRING(tags.n) OR tags.n > 620", "tags.n % 2 = 1", "ABS(tags.n - 100) < 10",
    // sparse
    "tags.rare = 3", "tags.rare != 3", "NOT tags.rare = 3", "IS_DEFINED(tags.rare)",
    "NOT IS_DEFINED(tags.rare)", "tags.rare.deep = true", "tags.rare > 1 OR tags.kind = 'a'",
    // times
    "lastActivityTime < '2026-03-01T11:00:00Z'", "lastActivityTime >= '2026-03-01T11:00:00.5Z'",
    "NOT lastActivityTime < '2026-02-28'", "lastActivityTime = '0001-01-01T00:00:00Z'",
    "lastActivityTime != '0001-01-01T00:00:00Z'", "AGE_SECONDS(lastActivityTime) < 3600",
    "3600 <= AGE_SECONDS(lastActivityTime)", "lastActivityTime > 'no time'",
    "'2026-03-01' > lastActivityTime AND connectionState = 'Disconnected'",
    "lastActivityTime IN ['0001-01-01T00:00:00Z', '2026-03-01T11:58:23Z']",
    // ids, etags, versions
    "deviceId = 'd07919'", "deviceId IN ['d07919', 'd15838', 'nosuch']", "deviceId > 'd5'",
    "'d07919' = deviceId AND tags.kind = 'b'", "deviceId = 'd07919' OR deviceId = 'd15838'",
    "STARTSWITH(deviceId, 'd1')", "etag = 'AAAAAAAAAAE='", "properties.desired.$version = 2",
    "deviceId = 7", "moduleId = 'm'", "NOT deviceId = 'd07919' AND tags.rare = 1",
    // two columns
    "properties.desired.few = properties.reported.few",
    "properties.desired.few != properties.reported.few",
    "NOT properties.desired.few = properties.reported.few",
    "NOT properties.desired.few != properties.reported.few",
    "properties.desired.many != properties.reported.many",
    "properties.desired.many = properties.reported.many",
    "properties.desired.many < properties.reported.many",
    "properties.desired.words = properties.reported.words",
    "properties.desired.words != properties.reported.words",
    "properties.desired.words < properties.reported.words", "tags.n = properties.desired.words",
    "tags.kind = tags.rare", "tags.kind != properties.desired.few", "tags.kind = tags.kind",
    "properties.desired.many * 2 = properties.reported.many + 3",
    // objects and documents
    "GEO_DISTANCE(tags.site, 30, 10) < 500000", "IS_DEFINED(tags.site)", "tags.site.lat > 30",
    "properties.desired.$metadata.few.$lastUpdatedVersion = 2 AND tags.rare = 1",
    "NOT (properties.desired.$metadata.nosuch = 1 OR tags.kind = 'a') AND tags.rare > 2", "true",
    "false", "tags.kind = 'a' AND false", "tags.nosuch = 1", "NOT IS_DEFINED(tags.nosuch)",
    "NOT (tags.kind = 'a' AND tags.n > 3) AND (tags.rare = 1 OR tags.kind != 'b')"};

const char* const answers[] = {
    "SELECT COUNT() AS n FROM devices",
    "SELECT COUNT() AS n, SUM(tags.n) AS s, MIN(tags.n) AS lo, MAX(tags.n) AS hi FROM devices",
    "SELECT AVG(properties.desired.many) AS a, MAX(tags.kind) AS k, MIN(tags.serial) AS s FROM "
    "devices WHERE tags.kind != 1",
    "SELECT MIN(tags.serial) AS lo, MAX(tags.rare) AS r, MIN(lastActivityTime) AS t FROM devices",
    "SELECT COUNT() AS n, AVG(tags.n) AS a, MIN(tags.n) AS m FROM devices WHERE tags.nosuch = 1",
    "SELECT tags.kind, COUNT() AS n FROM devices GROUP BY tags.kind",
    "SELECT properties.desired.few, COUNT() AS n FROM devices GROUP BY properties.desired.few",
    "SELECT connectionState, COUNT() AS n FROM devices GROUP BY connectionState",
    "SELECT connectionState AS c, COUNT() AS n FROM devices WHERE tags.rare = 1 GROUP BY "
    "connectionState",
    "SELECT tags.n AS k, COUNT() AS n FROM devices WHERE tags.kind = 'a' GROUP BY tags.n",
    "SELECT tags.rare AS k, COUNT() AS n FROM devices GROUP BY tags.rare",
    "SELECT tags.serial AS k, COUNT() AS n FROM devices WHERE tags.rare > 1 GROUP BY tags.serial",
    "SELECT properties.reported.many AS k, COUNT() AS n FROM devices GROUP BY "
    "properties.reported.many ORDER BY n DESC, k LIMIT 7",
    "SELECT properties.reported.many AS k, AVG(tags.n) AS a FROM devices GROUP BY "
    "properties.reported.many ORDER BY k DESC LIMIT 5 OFFSET 3",
    "SELECT lastActivityTime AS t, COUNT() AS n FROM devices GROUP BY lastActivityTime ORDER BY t "
    "LIMIT 4",
    "SELECT properties.desired.many AS m, connectionState AS c, tags.rare AS r, COUNT() AS n, "
    "SUM(tags.n) AS s FROM devices GROUP BY properties.desired.many, connectionState, tags.rare",
    "SELECT properties.desired.few, properties.reported.few AS h FROM devices GROUP BY "
    "properties.desired.few, properties.reported.few",
    "SELECT tags.site AS s, COUNT() AS n FROM devices GROUP BY tags.site",
    "SELECT properties.desired.$metadata.few.$lastUpdatedVersion AS v, COUNT() AS n FROM devices "
    "WHERE tags.rare = 1 GROUP BY properties.desired.$metadata.few.$lastUpdatedVersion",
    "SELECT MAX(properties.desired.$metadata.few.$lastUpdated) AS v FROM devices WHERE tags.rare = "
    "1",
    "SELECT deviceId, tags.kind, tags.n, tags.site, tags.serial AS x FROM devices",
    "SELECT tags, tags.kind[0] FROM devices WHERE tags.rare = 1",
    "SELECT * FROM devices WHERE tags.rare = 1",
    "SELECT properties.desired, properties.reported.$metadata FROM devices WHERE tags.rare = 1",
    "SELECT deviceId FROM devices ORDER BY tags.n DESC, deviceId DESC LIMIT 9",
    "SELECT deviceId, tags.kind FROM devices ORDER BY tags.kind, tags.serial DESC",
    "SELECT deviceId FROM devices WHERE tags.rare = 1 ORDER BY lastActivityTime OFFSET 3",
    "SELECT deviceId FROM devices WHERE tags.rare = 1 ORDER BY "
    "properties.desired.$metadata.$lastUpdated, properties.desired.many DESC",
    "SELECT TOP 5 deviceId FROM devices WHERE tags.kind = 'a'",
    "SELECT deviceId FROM devices WHERE tags.kind = 'a' LIMIT 10 OFFSET 4",
    "SELECT deviceId FROM devices LIMIT 0"};

INSTANTIATE_TEST_SUITE_P(Conditions, EveryForm, ::testing::ValuesIn(conditions));
INSTANTIATE_TEST_SUITE_P(Answers, EveryForm, ::testing::ValuesIn(answers));

}  // namespace
}  // namespace twinhub::fleet
