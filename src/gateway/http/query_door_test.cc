// Queries end to end: HTTP in, a hub on the memory store behind, and in it the fleet of the
// conformance table, field by field.
#include "gateway/http/testing/service_client.h"
#include "hub/testing/stored_documents.h"
#include "hub/testing/stored_jobs.h"
#include "query/testing/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace twinhub::gateway::http {
namespace {

using query::testing::conformance;
using query::testing::ConformanceCase;
using testing::ElementsAre;
using testing::HasSubstr;

struct SilentLink final : hub::DeviceLink {
    void desired_changed(std::uint64_t, std::string_view) override {}
    void invoke(std::uint64_t, std::string_view, std::string_view) override {}
    void deliver(const hub::LockedMessage&) override {}
    void end(hub::LinkEnd) override {}
};

// The whole answer to a query.
struct Answer {
    Response last;
    std::vector<json::object> rows;
    std::size_t pages = 0;
};

class QueryDoor : public testing::Test {
protected:
    static hub::Settings settings() { return {.name = "hub.local"}; }

    explicit QueryDoor(hub::Settings chosen = settings())
        : door({}, std::move(chosen), [](store::Engine& engine) {
              std::vector<json::object> documents = conformance().devices;
              documents.insert(documents.end(), conformance().modules.begin(),
                               conformance().modules.end());
              CHECK(hub::testing::store_documents(engine, documents).has_value());
              CHECK(hub::testing::store_jobs(engine, conformance().jobs).has_value());
          }) {
        // A connection is of this run of the hub: it came long ago, and was used at the time that
        // the table says.
        for (const auto* documents : {&conformance().devices, &conformance().modules})
            for (const json::object& document : *documents) {
                const auto stored = hub::testing::stored_document(document);
                if (!stored.connected) continue;
                const TwinId& id = stored.identity.id;
                hub::Shard& shard = door.hub().shards().of(id.device);
                const auto identity = std::make_shared<const hub::Identity>(stored.identity);
                door.on_memory().clock().set(
                    std::chrono::sys_days{std::chrono::year{2026} / 2 / 1});
                shard.attach({identity, {}}, link, {});
                door.on_memory().clock().set(stored.presence.last_activity);
                shard.note_activity(id);
            }
        door.on_memory().clock().set(conformance().now);
        for (std::size_t i = 0; i < door.hub().shards().size(); ++i)
            door.hub().shards().at(i).tick();
        door.on_memory().run_ready();
    }

    Response ask(std::string_view text, std::string_view fields = {},
                 std::string_view policy = "service") {
        return door.ask("POST", "/devices/query", to_text(json::value{{"query", text}}), fields,
                        policy);
    }

    Answer ask_all(std::string_view text, std::string_view dialect, std::size_t page_size) {
        Answer answer;
        std::string token;
        do {
            std::string fields = "x-query-dialect: " + std::string(dialect) +
                                 "\r\nx-ms-max-item-count: " + std::to_string(page_size) + "\r\n";
            if (!token.empty()) fields += "x-ms-continuation: " + token + "\r\n";
            answer.last = ask(text, fields);
            if (answer.last.status != 200) return answer;
            const json::value page = answer.last.json();
            EXPECT_LE(page.as_array().size(), page_size);
            for (const json::value& row : page.as_array()) answer.rows.push_back(row.as_object());
            token = answer.last.field("x-ms-continuation");
            EXPECT_EQ(answer.last.fields.contains("x-ms-continuation"), !token.empty());
        } while (!token.empty() && ++answer.pages < 100);
        return answer;
    }

    std::string metrics() {
        return prometheus::TextSerializer().Serialize(door.on_memory().registry().Collect());
    }

    ServiceDoor door;
    SilentLink link;
};

json::object query_error_of(const Response& response) {
    EXPECT_EQ(response.status, 400U) << response.body;
    EXPECT_EQ(response.field("iothub-errorcode"), "ArgumentInvalid");
    EXPECT_TRUE(
        response.json().at("Message").as_string().starts_with("ErrorCode:ArgumentInvalid;"));
    return response.json().at("queryError").as_object();
}

std::string kind_of(const Response& response) {
    return std::string(query_error_of(response).at("kind").as_string());
}

// A device that has answered is done here; the table has one that is running still.
bool is_of_an_answer_under_way(const ConformanceCase& one) { return one.name == "jobs-outcome"; }

std::string expected_type(const query::Plan& plan) {
    if (!plan.star) return "Raw";
    return plan.collection == query::Collection::jobs ? "DeviceJob" : "Twin";
}

class ConformanceAtTheDoor : public QueryDoor {
protected:
    void check(const ConformanceCase& one, std::string_view dialect, std::size_t page_size) {
        SCOPED_TRACE(one.name + " in " + std::string(dialect) + ", pages of " +
                     std::to_string(page_size) + ": " + one.query.substr(0, 200));
        const Answer answer = ask_all(one.query, dialect, page_size);
        if (one.error_kind) {
            EXPECT_EQ(kind_of(answer.last), *one.error_kind);
            return;
        }
        ASSERT_EQ(answer.last.status, 200U) << answer.last.body;
        EXPECT_EQ(answer.last.field("x-ms-item-type"),
                  expected_type(query::compile(one.query).value()));
        if (is_of_an_answer_under_way(one)) EXPECT_EQ(answer.rows.size(), 0U);
        else EXPECT_EQ(query::testing::difference(one, answer.rows), "");
    }
};

TEST_F(ConformanceAtTheDoor, TheFixtureIsServedAsTheTableHasIt) {
    for (const auto* documents : {&conformance().devices, &conformance().modules})
        for (json::object document : *documents) {
            std::string path = "/twins/" + std::string(document.at("deviceId").as_string());
            if (document.contains("moduleId"))
                path += "/modules/" + std::string(document.at("moduleId").as_string());
            json::object served = door.ask("GET", path).json().as_object();
            if (!document.contains("capabilities")) served.erase("capabilities");
            if (document.contains("parentScopes") && document.at("parentScopes").as_array().empty())
                document.erase("parentScopes");
            EXPECT_EQ(json::value(served), json::value(document)) << path;
        }
}

TEST_F(ConformanceAtTheDoor, EveryCaseGivesTheRowsOfTheTable) {
    for (const ConformanceCase& one : conformance().cases) {
        const bool azure = one.dialect == query::Dialect::azure;
        check(one, azure ? "azure" : "extended", 100);
        // A superset keeps answers; what it adds were errors.
        if (azure && !one.error_kind) check(one, "extended", 100);
    }
}

TEST_F(ConformanceAtTheDoor, PagesOfAnySizeGiveTheSameRows) {
    for (const ConformanceCase& one : conformance().cases)
        if (!one.error_kind)
            for (const std::size_t size : {1UZ, 3UZ}) check(one, "extended", size);
}

TEST_F(QueryDoor, NamesTheKindOfItsItemsOnEveryPage) {
    const auto type = [&](std::string_view text) { return ask(text).field("x-ms-item-type"); };
    EXPECT_EQ(type("select * from devices"), "Twin");
    EXPECT_EQ(type("select * from devices where deviceId = 'nobody'"), "Twin");
    EXPECT_EQ(type("select * from devices.modules"), "Twin");
    EXPECT_EQ(type("select * from devices.jobs"), "DeviceJob");
    EXPECT_EQ(type("select deviceId from devices"), "Raw");
    EXPECT_EQ(type("select count() from devices"), "Raw");
    EXPECT_EQ(type("explain select * from devices"), "Raw");
}

TEST_F(QueryDoor, SaysWhereATextIsWrong) {
    const json::object error = query_error_of(ask("SELECT *\nFROM devices WHERE tags.group = 'x'"));
    EXPECT_EQ(error.at("kind"), "syntax");
    EXPECT_EQ(error.at("line"), 2);
    EXPECT_EQ(error.at("column"), 25);
    EXPECT_EQ(error.at("offset"), 33);
    EXPECT_TRUE(error.at("near").as_string().starts_with("group"));
    EXPECT_THAT(std::string(error.at("hint").as_string()), HasSubstr("[[group]]"));
}

TEST_F(QueryDoor, WantsAText) {
    for (const char* body : {"{}", R"({"query":null})"}) {
        const Response response = door.ask("POST", "/devices/query", body);
        EXPECT_EQ(response.status, 400U);
        EXPECT_EQ(response.field("iothub-errorcode"), "ArgumentNull");
    }
    EXPECT_EQ(kind_of(ask("")), "syntax");
    EXPECT_EQ(
        kind_of(ask("select * from devices where deviceId = '" + std::string(9000, 'x') + "'")),
        "tooLong");
    EXPECT_EQ(door.ask("POST", "/devices/query", R"({"query":7})").status, 400U);
}

TEST_F(QueryDoor, SpeaksTheDialectThatIsAskedFor) {
    constexpr std::string_view text = "SELECT deviceId FROM devices ORDER BY deviceId LIMIT 1";
    EXPECT_EQ(ask(text).body, R"([{"deviceId":"Sensor_2"}])");
    EXPECT_EQ(ask(text, "x-query-dialect: Extended\r\n").status, 200U);
    EXPECT_EQ(kind_of(ask(text, "X-Query-Dialect: azure\r\n")), "unsupportedClause");
    const Response other = ask(text, "x-query-dialect: sql\r\n");
    EXPECT_EQ(other.status, 400U);
    EXPECT_THAT(other.body, HasSubstr("azure or extended"));
}

class StrictQueryDoor : public QueryDoor {
protected:
    static hub::Settings strict() {
        hub::Settings chosen = settings();
        chosen.query_options = {.dialect = query::Dialect::azure,
                                .missing = query::MissingCompares::different};
        chosen.query_slow = std::chrono::milliseconds{0};
        return chosen;
    }
    StrictQueryDoor() : QueryDoor(strict()) {}
};

TEST_F(StrictQueryDoor, TakesItsDefaultsFromTheSettings) {
    EXPECT_EQ(kind_of(ask("select * from devices limit 1")), "unsupportedClause");
    EXPECT_EQ(ask("select * from devices limit 1", "x-query-dialect: extended\r\n").status, 200U);
    // Twins without the tag differ from every value.
    EXPECT_EQ(ask("select count() as n from devices where tags.type != 'pump'").body,
              R"([{"n":8}])");
}

TEST_F(StrictQueryDoor, LogsAndCountsSlowQueries) {
    ask("select * from devices");
    ask("select nonsense");
    EXPECT_THAT(metrics(), HasSubstr("twin_queries_slow_total 1\n"));
    const Response over = ask("select /*+ maxScan(1) */ * from devices where not deviceId = 'x'",
                              "x-query-dialect: extended\r\n");
    EXPECT_EQ(over.status, 503U);
    EXPECT_EQ(over.json().at("partial"), false);
    EXPECT_THAT(metrics(), HasSubstr("twin_queries_slow_total 2\n"));
    EXPECT_THAT(metrics(), HasSubstr("twin_queries_total{result=\"unavailable\"} 1\n"));
}

TEST_F(QueryDoor, CountsQueriesByTheirEnd) {
    EXPECT_THAT(ask("select * from devices").field("server-timing"), HasSubstr("query;dur="));
    EXPECT_THAT(ask("select nonsense").field("server-timing"), HasSubstr("query;dur="));
    const std::string text = metrics();
    EXPECT_THAT(text, HasSubstr("twin_queries_total{result=\"answered\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("twin_queries_total{result=\"refused\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("twin_query_rows_scanned_total 10\n"));
    EXPECT_THAT(text, HasSubstr("twin_query_rows_returned_total 10\n"));
    EXPECT_THAT(text, HasSubstr("twin_query_seconds_count 2\n"));
    EXPECT_THAT(text, HasSubstr("twin_queries_slow_total 0\n"));
}

TEST_F(QueryDoor, ExplainsAQueryInOneRow) {
    const json::value rows =
        ask("explain analyze select * from devices where tags.type = 'pump'").json();
    ASSERT_EQ(rows.as_array().size(), 1U);
    EXPECT_TRUE(rows.at(0).as_object().contains("plan"));
    EXPECT_FALSE(rows.at(0).as_object().contains("deviceId"));
}

TEST_F(QueryDoor, AContinuationIsOfItsQueryDialectAndCaller) {
    constexpr std::string_view text = "select * from devices";
    const Response first = ask(text, "x-ms-max-item-count: 2\r\n");
    const std::string token = first.field("x-ms-continuation");
    ASSERT_NE(token, "");
    const std::string field = "x-ms-continuation: " + token + "\r\n";
    EXPECT_EQ(ask(text, field).json().as_array().size(), 8U);
    EXPECT_EQ(kind_of(ask("select * from devices ", field)), "badContinuation");
    EXPECT_EQ(kind_of(ask(text, field + "x-query-dialect: azure\r\n")), "badContinuation");
    EXPECT_EQ(kind_of(ask(text, field, "iothubowner")), "badContinuation");
    for (const char* bad : {"x", "AAAA", "%%%", "null"})
        EXPECT_EQ(kind_of(ask(text, "x-ms-continuation: " + std::string(bad) + "\r\n")),
                  "badContinuation");
}

TEST_F(QueryDoor, AContinuationThatWasChangedIsRefusedOrReadsTheFleet) {
    constexpr std::string_view text = "select * from devices";
    const std::string token = ask(text, "x-ms-max-item-count: 2\r\n").field("x-ms-continuation");
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string other = token;
        other[i] = other[i] == 'A' ? 'B' : 'A';
        const Response response = ask(text, "x-ms-continuation: " + other + "\r\n");
        if (response.status != 200) EXPECT_EQ(kind_of(response), "badContinuation") << other;
        const Response shorter = ask(text, "x-ms-continuation: " + token.substr(0, i) + "\r\n");
        if (shorter.status != 200) EXPECT_EQ(kind_of(shorter), "badContinuation") << i;
    }
}

TEST_F(QueryDoor, ClampsThePageAndEndsWithoutAToken) {
    for (const char* size : {"1000", "100000", "99999999999999999999999"}) {
        const Response page =
            ask("select * from devices", "x-ms-max-item-count: " + std::string(size) + "\r\n");
        EXPECT_EQ(page.json().as_array().size(), 10U);
        EXPECT_FALSE(page.fields.contains("x-ms-continuation"));
    }
}

TEST_F(QueryDoor, WhatIsSentBehindAQueryIsAnsweredAfterIt) {
    const auto peer = door.connect();
    const std::string body = R"({"query":"select count() as n from devices"})";
    peer->send(door.request("POST", "/devices/query", body));
    peer->send_split(door.request("GET", "/statistics/devices"), 40);
    EXPECT_EQ(door.next(peer).body, R"([{"n":10}])");
    EXPECT_THAT(door.next(peer).body, HasSubstr("\"totalDeviceCount\":10"));
    peer->send(door.request("POST", "/devices/query", body));
    EXPECT_EQ(door.next(peer).body, R"([{"n":10}])");
}

}  // namespace
}  // namespace twinhub::gateway::http
