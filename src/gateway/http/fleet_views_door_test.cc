// Views of the fleet over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "hub/shards.h"
#include "twin/update.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;

class FleetViewsDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {}) {
        return door.ask(method, path, body, {}, "iothubowner");
    }
    json::object answer(std::string_view path) {
        const Response response = ask("GET", path);
        EXPECT_EQ(response.status, 200u) << path << ": " << response.body;
        return response.status == 200 ? response.json().as_object() : json::object{};
    }
    void make(const std::string& id, const std::string& tags) {
        ASSERT_EQ(ask("PUT", "/devices/" + id, "{}").status, 200u);
        ASSERT_EQ(ask("PATCH", "/twins/" + id,
                      R"({"tags":)" + tags + R"(,"properties":{"desired":{"fan":1}}})")
                      .status,
                  200u);
    }
    void tell(const std::string& id, std::string_view reported) {
        const TwinId twin{DeviceId::parse(id).value(), {}};
        bool done = false;
        door.hub()
            .shards()
            .of(twin.device)
            .report(twin, twin::parse_report(reported).value(), {}, {.cause = hub::Cause::device},
                    [&done](const Result<std::uint64_t>& result) { done = result.has_value(); });
        door.on_memory().run_until([&done] { return done; });
    }
    void SetUp() override {
        make("a", R"({"depot":"x","n":1})");
        make("b", R"({"depot":"x","n":2})");
        make("c", R"({"depot":"y"})");
        make("e", "{}");
        door.advance(3s);
        tell("a", R"({"fan":1})");
        tell("b", R"({"fan":2})");
    }

    ServiceDoor door;
};

TEST_F(FleetViewsDoor, GroupsByPaths) {
    const json::object all = answer("/fleet/groups?by=tags.depot");
    ASSERT_EQ(all.at("groups").as_array().size(), 2u);
    const json::object& first = all.at("groups").at(0).as_object();
    EXPECT_EQ(first.at("key"), json::value(json::array{"x"}));
    EXPECT_EQ(first.at("devices"), json::value(2));
    EXPECT_EQ(first.at("states"), json::value({{"converged", 1}, {"drifted", 1}}));
    EXPECT_EQ(all.at("missing").at("devices"), json::value(1));
    EXPECT_EQ(all.at("rest").at("groups"), json::value(0));
    const json::object cut = answer("/fleet/groups?by=tags.depot&sort=key&limit=1");
    EXPECT_EQ(cut.at("rest").at("groups"), json::value(1));
    EXPECT_EQ(cut.at("rest").at("devices"), json::value(1));
    EXPECT_EQ(answer("/fleet/groups?by=tags.depot&by=reported.fan&where=tags.depot%3D%27x%27")
                  .at("groups")
                  .as_array()
                  .size(),
              2u);
    for (const char* wrong :
         {"", "?by=COUNT()", "?by=tags.a&by=tags.b&by=tags.c", "?by=tags.a%20AS%20b",
          "?by=tags.a%20FROM%20devices%20WHERE%201", "?by=tags.a&sort=up", "?by=tags.a&limit=0"})
        EXPECT_EQ(ask("GET", std::string("/fleet/groups") + wrong).status, 400u) << wrong;
}

TEST_F(FleetViewsDoor, ListsValues) {
    const json::object all = answer("/fleet/values?path=tags.depot");
    EXPECT_EQ(all.at("values"),
              parse_json(R"([{"value":"x","devices":2},{"value":"y","devices":1}])").value());
    EXPECT_EQ(all.at("distinct"), json::value(2));
    EXPECT_EQ(all.at("exact"), json::value(true));
    EXPECT_EQ(answer("/fleet/values?path=tags.depot&prefix=y").at("values").as_array().size(), 1u);
    EXPECT_EQ(ask("GET", "/fleet/values").status, 400u);
}

TEST_F(FleetViewsDoor, ListsPaths) {
    const json::object all = answer("/fleet/paths");
    std::map<std::string, json::object> found;
    for (const json::value& one : all.at("paths").as_array())
        found.emplace(one.at("path").as_string(), one.as_object());
    EXPECT_EQ(found.at("tags.depot").at("types"), json::value({{"string", 3}}));
    EXPECT_EQ(found.at("tags.depot").at("distinct"), json::value(2));
    EXPECT_EQ(found.at("tags.n").at("types"), json::value({{"number", 2}}));
    EXPECT_EQ(found.at("properties.reported.fan").at("devices"), json::value(2));
    EXPECT_EQ(found.at("properties.desired.fan").at("distinct"), json::value(1));
}

TEST_F(FleetViewsDoor, TellsHowLongConvergingTakes) {
    const json::object now = answer("/fleet/convergence?window=PT1H");
    EXPECT_EQ(now.at("devices"), json::value(1));
    const json::array& buckets = now.at("buckets").as_array();
    EXPECT_EQ(buckets.at(1), parse_json(R"({"leSeconds":2.0,"share":0.0})").value());
    EXPECT_EQ(buckets.at(2), parse_json(R"({"leSeconds":5.0,"share":1.0})").value());
    EXPECT_TRUE(now.at("p95").is_double());
    EXPECT_TRUE(answer("/fleet/convergence?where=tags.depot%3D%27z%27").at("p50").is_null());
    EXPECT_EQ(ask("GET", "/fleet/convergence?window=soon").status, 400u);
}

TEST_F(FleetViewsDoor, TellsHowATwinStoodThenAndWhatWasBefore) {
    const json::object then = answer("/twins/b/drift?at=2026-11-22T10:00:01Z");
    EXPECT_EQ(then.at("state"), "offline");
    EXPECT_FALSE(then.contains("connection"));
    EXPECT_FALSE(then.contains("likeThis"));
    door.advance(60s);
    ASSERT_EQ(ask("PATCH", "/twins/a", R"({"properties":{"desired":{"fan":5}}})").status, 200u);
    door.advance(1s);
    tell("a", R"({"fan":2})");
    const json::object now = answer("/twins/a/drift");
    EXPECT_EQ(now.at("state"), "drifted");
    const json::object& before = now.at("properties").at(0).at("before").as_object();
    EXPECT_EQ(before.at("value"), json::value(1));
    EXPECT_EQ(before.at("convergedForSeconds"), json::value(60.0));
    EXPECT_EQ(now.at("likeThis").at("devices"), json::value(2));
    EXPECT_EQ(now.at("likeThis").at("where"),
              "$drift.path = \"fan\" AND $drift.reason = 'differs'");
    EXPECT_EQ(ask("GET", "/twins/a/drift?at=2027-01-01").status, 400u);
}

TEST_F(FleetViewsDoor, ChecksAnUpdateWithoutDoingIt) {
    const auto check = [&](std::string_view body) {
        const Response response = ask("POST", "/twins/c/check", body);
        EXPECT_EQ(response.status, 200u) << response.body;
        return response.json().as_object();
    };
    const json::object good = check(
        R"({"method":"PATCH","body":{"tags":{"depot":"y"},"properties":{"desired":{"fan":9}}}})");
    EXPECT_EQ(good.at("ok"), json::value(true));
    EXPECT_EQ(good.at("changes"),
              parse_json(R"([{"part":"desired","path":"fan","before":1,"after":9}])").value());
    EXPECT_EQ(good.at("unchanged"), json::value(1));
    EXPECT_EQ(
        good.at("warnings"),
        parse_json(R"([{"code":"replacesPending","path":"fan","by":"iothubowner"}])").value());
    EXPECT_EQ(good.at("checks").at(1).at("name"), "desiredBytes");
    const json::object late = check(R"({"ifMatch":"\"AAAAAAAAAAE=\"","body":{}})");
    EXPECT_EQ(late.at("ok"), json::value(false));
    EXPECT_EQ(late.at("error").at("code"), "PreconditionFailed");
    const json::object bad = check(R"({"body":{"tags":{"$a":1}}})");
    EXPECT_EQ(bad.at("error").at("code"), "ArgumentInvalid");
    EXPECT_EQ(ask("POST", "/twins/c/check", R"({"method":"GET","body":{}})").status, 400u);
    EXPECT_EQ(ask("POST", "/twins/c/check", "{}").status, 400u);
    EXPECT_EQ(answer("/twins/c").at("properties").at("desired").at("fan"), json::value(1));
}

}  // namespace
}  // namespace twinhub::gateway::http
