// The past of twins end to end: HTTP in, a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HistoryDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view fields = {}, std::string_view policy = "iothubowner") {
        return door.ask(method, path, body, fields, policy);
    }
    void must(std::string_view method, std::string_view path, std::string_view body) {
        const Response response = ask(method, path, body);
        ASSERT_EQ(response.status, 200u) << response.body;
    }
    std::string refusal(std::string_view method, std::string_view path, std::string_view body = {},
                        std::string_view fields = {}) {
        const Response response = ask(method, path, body, fields);
        return std::to_string(response.status) + " " + response.field("iothub-errorcode");
    }
    static std::string text(const json::value& value) { return to_text(value); }

    // Made at 10:00, written at 10:01 and 10:02.
    void make() {
        must("PUT", "/devices/d", "{}");
        door.advance(60s);
        must("PATCH", "/twins/d", R"({"tags":{"site":"a"},"properties":{"desired":{"fan":1}}})");
        door.advance(60s);
        must("PATCH", "/twins/d", R"({"properties":{"desired":{"fan":2,"led":true}}})");
        door.advance(60s);
    }
    ServiceDoor door;
};

TEST_F(HistoryDoor, ListsTheChangesOfATwinWithBeforeAndAfter) {
    make();
    const json::object page = ask("GET", "/twins/d/history").json().as_object();
    const json::array& changes = page.at("changes").as_array();
    ASSERT_EQ(changes.size(), 3u);
    json::object newest = changes[0].as_object();
    EXPECT_TRUE(newest.erase("seq"));
    EXPECT_EQ(
        json::value(newest),
        parse_json(
            R"({"at":"2026-11-22T10:02:00Z","kind":"twin","part":"desired","version":3,"operation":"patch",)"
            R"("versions":{"twin":4,"desired":3,"reported":1},"cause":"rest",)"
            R"("by":{"kind":"rest","principal":"iothubowner","client":"192.0.2.7"},"leaves":[)"
            R"({"part":"desired","path":"fan","before":1,"after":2,"state":"offline"},)"
            R"({"part":"desired","path":"led","after":true,"state":"offline"}]})")
            .value());
    EXPECT_EQ(changes[1].at("part"), "twin");
    EXPECT_EQ(changes[2].at("kind"), "created");
    EXPECT_FALSE(page.contains("next"));
    EXPECT_FALSE(page.contains("oldestKept"));
    EXPECT_EQ(page.at("from"), "2026-11-22T10:00:00Z");
}

TEST_F(HistoryDoor, AnswersFleetQueriesAboutThePast) {
    make();
    const auto then = [&](const std::string& at) {
        const Response response =
            ask("POST", "/devices/query",
                R"({"query":"SELECT properties.desired.fan FROM devices AS OF ')" + at + R"('"})");
        return std::to_string(response.status) + " " + response.body;
    };
    EXPECT_EQ(then("2026-11-22T10:01:30Z"), R"(200 [{"fan":1}])");
    EXPECT_EQ(then("-PT1M"), R"(200 [{"fan":2}])");
    EXPECT_EQ(then("2026-11-22T10:00:30Z"), "200 [{}]");
    EXPECT_EQ(then("2026-11-22T09:00:00Z"), "200 []");
    EXPECT_THAT(then("2027-01-01"), testing::StartsWith("400 "));
}

TEST_F(HistoryDoor, ShowsHowMuchWasChangedWhen) {
    make();
    const json::value page = ask("GET", "/twins/d/history?limit=1&density=3").json();
    // Three minutes and a tick in three stretches; in the last one nothing was.
    ASSERT_EQ(page.at("density").as_array().size(), 2u);
    EXPECT_EQ(page.at("density").at(0).at("identity"), json::value(1));
    EXPECT_EQ(page.at("density").at(0).at("tags"), json::value(1));
    EXPECT_EQ(page.at("density").at(1).at("desired"), json::value(1));
    EXPECT_FALSE(ask("GET", "/twins/d/history").json().as_object().contains("density"));
    EXPECT_EQ(refusal("GET", "/twins/d/history?density=0"), "400 ArgumentInvalid");
}

TEST_F(HistoryDoor, TellsPagesApart) {
    make();
    const json::value first = ask("GET", "/twins/d/history?limit=2").json();
    ASSERT_EQ(first.at("changes").as_array().size(), 2u);
    const std::string next = text(first.at("next"));
    const json::value second = ask("GET", "/twins/d/history?limit=2&before=" + next).json();
    ASSERT_EQ(second.at("changes").as_array().size(), 1u);
    EXPECT_EQ(second.at("changes").at(0).at("kind"), "created");
    EXPECT_EQ(ask("GET", "/twins/d/history?before=2026-11-22T10:02:00Z")
                  .json()
                  .at("changes")
                  .as_array()
                  .size(),
              2u);
    EXPECT_EQ(ask("GET", "/twins/d/history?path=tags.site").json().at("changes").as_array().size(),
              1u);
    EXPECT_EQ(ask("GET", "/twins/d/history?author=service").json().at("changes").as_array().size(),
              0u);
}

TEST_F(HistoryDoor, ShowsATwinOfThePast) {
    make();
    const Response then = ask("GET", "/twins/d?at=2026-11-22T10:01:30Z");
    ASSERT_EQ(then.status, 200u) << then.body;
    EXPECT_EQ(then.field("x-as-of"), "2026-11-22T10:01:30Z");
    EXPECT_EQ(then.field("etag"), "");
    const json::value twin = then.json();
    EXPECT_EQ(text(twin.at("tags")), R"({"site":"a"})");
    EXPECT_EQ(twin.at("properties").at("desired").at("fan"), 1);
    EXPECT_EQ(twin.at("properties").at("desired").at("$version"), 2);
    EXPECT_EQ(twin.at("version"), 3);
    EXPECT_EQ(ask("GET", "/twins/d?at=-PT90S").json(), twin);
    const Response by_version = ask("GET", "/twins/d?atVersion=2");
    EXPECT_EQ(by_version.json(), twin);
    EXPECT_EQ(by_version.field("x-as-of"), "2026-11-22T10:01:00Z");
    EXPECT_EQ(ask("GET", "/twins/d?atVersion=3&of=twin").json(), twin);
}

TEST_F(HistoryDoor, RestoresAsANewVersion) {
    make();
    const Response restored =
        ask("POST", "/twins/d/restore",
            R"({"at":"2026-11-22T10:01:30Z","parts":["desired"],"reason":"loud"})");
    ASSERT_EQ(restored.status, 200u) << restored.body;
    const json::value desired = restored.json().at("properties").at("desired");
    EXPECT_EQ(desired.at("fan"), 1);
    EXPECT_FALSE(desired.as_object().contains("led"));
    EXPECT_EQ(desired.at("$version"), 4);
    const json::value newest = ask("GET", "/twins/d/history?limit=1").json().at("changes").at(0);
    EXPECT_EQ(newest.at("cause"), "rollback");
    EXPECT_EQ(newest.at("reason"), "loud");
    EXPECT_EQ(
        refusal("POST", "/twins/d/restore", R"({"at":"-PT1M"})", "If-Match: \"AAAAAAAAAAE=\"\r\n"),
        "412 PreconditionFailed");
}

TEST_F(HistoryDoor, IsThereForModules) {
    must("PUT", "/devices/d", "{}");
    must("PUT", "/devices/d/modules/m", "{}");
    door.advance(60s);
    must("PATCH", "/twins/d/modules/m", R"({"properties":{"desired":{"a":1}}})");
    EXPECT_EQ(ask("GET", "/twins/d/modules/m/history").json().at("changes").as_array().size(), 2u);
    EXPECT_EQ(ask("GET", "/twins/d/modules/m?at=-PT30S").json().at("moduleId"), "m");
    must("POST", "/twins/d/modules/m/restore", R"({"atVersion":1})");
    EXPECT_FALSE(ask("GET", "/twins/d/modules/m")
                     .json()
                     .at("properties")
                     .at("desired")
                     .as_object()
                     .contains("a"));
}

TEST_F(HistoryDoor, RefusesWhatItCannotAnswer) {
    make();
    EXPECT_EQ(refusal("GET", "/twins/e/history"), "404 DeviceNotFound");
    EXPECT_EQ(refusal("GET", "/twins/d?at=2026-11-22T09:00:00Z"), "404 DeviceNotFound");
    for (const char* path :
         {"/twins/d?at=yesterday", "/twins/d?at=2030-01-01T00:00:00Z", "/twins/d?atVersion=9",
          "/twins/d?atVersion=x", "/twins/d?at=-PT1S&atVersion=1", "/twins/d?atVersion=1&of=tags",
          "/twins/d/history?limit=0", "/twins/d/history?limit=1001", "/twins/d/history?part=all",
          "/twins/d/history?before=soon"})
        EXPECT_EQ(refusal("GET", path), "400 ArgumentInvalid") << path;
    for (const char* body : {R"({"parts":["desired"]})", R"({"at":"-PT1M","path":"fan"})",
                             R"({"at":"-PT1M","parts":["reported"]})",
                             R"({"at":"-PT1M","parts":[]})", R"({"at":"-PT1M","paths":["a..b"]})",
                             R"({"at":"-PT1M","atVersion":1})", R"({"atVersion":-1})"})
        EXPECT_EQ(refusal("POST", "/twins/d/restore", body), "400 ArgumentInvalid") << body;
    EXPECT_EQ(ask("GET", "/twins/d/history", {}, {}, "registryRead").status, 401u);
    EXPECT_EQ(ask("GET", "/twins/d?at=-PT1M", {}, {}, "registryRead").status, 401u);
    EXPECT_EQ(ask("POST", "/twins/d/restore", R"({"at":"-PT1M"})", {}, "device").status, 401u);
}

TEST(HistoryDoorRetention, SaysSinceWhenHistoryIsKept) {
    hub::Settings settings{.name = "hub.local"};
    settings.history_age = 60s;
    settings.history_count = 1;
    ServiceDoor door({}, settings);
    ASSERT_EQ(door.ask("PUT", "/devices/d", "{}").status, 200u);
    for (int n = 0; n < 3; ++n) {
        door.advance(10s);
        ASSERT_EQ(
            door.ask("PATCH", "/twins/d", R"({"tags":{"n":)" + std::to_string(n) + "}}").status,
            200u);
    }
    door.advance(300s);
    Response lost;
    for (int turn = 0; turn < 5000 && lost.status != 410; ++turn) {
        door.advance(1s);
        door.hub().tick(0);
        lost = door.ask("GET", "/twins/d?at=2026-11-22T10:00:15Z");
    }
    EXPECT_EQ(lost.status, 410u);
    EXPECT_EQ(lost.field("iothub-errorcode"), "HistoryUnavailable");
    EXPECT_THAT(std::string(lost.json().at("Message").as_string()),
                HasSubstr("'d' is kept since 2026-11-22T10:00:20.0000001Z"));
    const json::value page = door.ask("GET", "/twins/d/history").json();
    EXPECT_EQ(page.at("oldestKept"), "2026-11-22T10:00:20.0000001Z");
    EXPECT_EQ(page.at("changes").as_array().size(), 1u);
}

}  // namespace
}  // namespace twinhub::gateway::http
