// The series of the fleet over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "hub/series/fleet_series.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;

class FleetSeriesDoor : public testing::Test {
protected:
    static hub::Settings settings() {
        hub::Settings settings{.name = "hub.local"};
        settings.series.by = {"tags.depot"};
        return settings;
    }
    Response ask(std::string_view method, std::string_view path, std::string_view body = {}) {
        return door.ask(method, path, body, {}, "iothubowner");
    }
    json::object answer(std::string_view path) {
        const Response response = ask("GET", path);
        EXPECT_EQ(response.status, 200u) << path << ": " << response.body;
        return response.status == 200 ? response.json().as_object() : json::object{};
    }
    // Until the minute that is over is stored.
    void tick(std::chrono::seconds time) {
        door.advance(time);
        door.hub().tick(0);
        const std::string path = "/fleet/series?window=PT1M&step=PT1M&of=connected";
        while (answer(path).at("series").at("connected").at(0).is_null()) door.advance(0s);
    }

    ServiceDoor door{{}, settings()};
};

TEST_F(FleetSeriesDoor, AnswersWithLinesAndWhatBeganMeanwhile) {
    door.hub().tick(0);
    ASSERT_EQ(ask("PUT", "/devices/a", "{}").status, 200u);
    ASSERT_EQ(
        ask("PATCH", "/twins/a", R"({"tags":{"depot":"x"},"properties":{"desired":{"fan":1}}})")
            .status,
        200u);
    ASSERT_EQ(ask("PUT", "/devices/b", "{}").status, 200u);
    tick(60s);
    door.advance(15s);
    ASSERT_EQ(ask("PUT", "/configurations/c",
                  R"({"content":{"deviceContent":{"properties.desired.p":1}},"priority":1,)"
                  R"("targetCondition":"tags.depot='x'"})")
                  .status,
              200u);

    const json::object all = answer("/fleet/series?window=PT2M&step=PT1M&by=tags.depot");
    EXPECT_EQ(all.at("asOf"), "2026-11-22T10:01:15Z");
    EXPECT_EQ(all.at("behindMs"), json::value(15'000));
    EXPECT_EQ(all.at("from"), "2026-11-22T09:59:00Z");
    EXPECT_EQ(all.at("stepSeconds"), json::value(60));
    EXPECT_EQ(all.at("series").at("offline"), parse_json("[null,1]").value());
    EXPECT_EQ(all.at("series").at("untracked"), parse_json("[null,1]").value());
    EXPECT_EQ(all.at("series").at("reconnects"), parse_json("[null,0]").value());
    ASSERT_EQ(all.at("groups").as_array().size(), 1u);
    const json::object& group = all.at("groups").at(0).as_object();
    EXPECT_EQ(group.at("key"), json::value(json::array{"x"}));
    EXPECT_EQ(group.at("series").at("offline"), parse_json("[null,1]").value());
    EXPECT_EQ(all.at("missing").at("series").at("untracked"), parse_json("[null,1]").value());
    EXPECT_EQ(all.at("rest").at("series").at("untracked"), parse_json("[null,0]").value());
    const json::object& cause = all.at("causes").at(0).as_object();
    EXPECT_EQ(cause.at("kind"), "configuration");
    EXPECT_EQ(cause.at("id"), "c");
    EXPECT_EQ(cause.at("by"), "iothubowner");
    EXPECT_EQ(cause.at("at"), "2026-11-22T10:01:15Z");
    EXPECT_EQ(all.at("causesComplete"), json::value(true));

    const json::object some =
        answer("/fleet/series?window=PT1M&of=connected&where=tags.depot%3D%27x%27");
    EXPECT_EQ(some.at("series"), parse_json(R"({"connected":[0]})").value());
    EXPECT_FALSE(some.contains("groups"));
}

TEST_F(FleetSeriesDoor, RefusesWhatItDoesNotKeep) {
    for (const char* wrong :
         {"?window=soon", "?window=PT30S", "?window=PT0M", "?window=P401D", "?step=PT90S",
          "?window=P8D&step=PT1M", "?of=weather", "?of=", "?by=tags.other", "?by=(",
          "?where=tags.depot%3D%27x%27&by=tags.depot", "?where=tags.depot%20!%3D%20%27x%27",
          "?where=tags.other%3D1", "?window=P7D&step=PT1M"}) {
        const Response response = ask("GET", std::string("/fleet/series") + wrong);
        EXPECT_EQ(response.status, 400u) << wrong << response.body;
        EXPECT_NE(response.body.find("ArgumentInvalid"), std::string::npos) << response.body;
    }
    EXPECT_EQ(door.ask("GET", "/fleet/series", {}, {}, "device").status, 401u);
}

}  // namespace
}  // namespace twinhub::gateway::http
