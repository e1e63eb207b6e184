// Drift over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <tuple>

namespace twinhub::gateway::http {
namespace {

class DriftDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view policy = "service") {
        return door.ask(method, path, body, {}, policy);
    }
    void create(const std::string& id, std::string_view tags) {
        ASSERT_EQ(
            ask("PUT", "/devices/" + id, R"({"deviceId":")" + id + R"("})", "iothubowner").status,
            200u);
        ASSERT_EQ(ask("PATCH", "/twins/" + id,
                      R"({"tags":)" + std::string(tags) +
                          R"(,"properties":{"desired":{"fan":{"speed":3}}}})")
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

    ServiceDoor door;
};

TEST_F(DriftDoor, ExplainsATwin) {
    create("d1", "{}");
    tell("d1", R"({"fan":{"speed":{"value":1,"ac":400,"av":2,"ad":"too fast"}},"old":1})");
    const Response response = ask("GET", "/twins/d1/drift");
    ASSERT_EQ(response.status, 200u) << response.body;
    const json::object drift = response.json().as_object();
    EXPECT_EQ(drift.at("state"), json::value("rejected"));
    EXPECT_EQ(drift.at("connection").at("state"), json::value("Disconnected"));
    EXPECT_EQ(drift.at("counts").at("rejected"), json::value(1));
    const json::object& property = drift.at("properties").at(0).as_object();
    EXPECT_EQ(property.at("path"), json::value("fan.speed"));
    EXPECT_EQ(property.at("reason"), json::value("refused"));
    EXPECT_EQ(property.at("desired"), json::value(3));
    EXPECT_EQ(property.at("reported"), json::value(1));
    EXPECT_EQ(property.at("code"), json::value(400));
    EXPECT_EQ(property.at("words"), json::value("too fast"));
    EXPECT_EQ(property.at("ledger").at("wanted").at("version"), json::value(2));
    EXPECT_EQ(property.at("by").at("kind"), json::value("rest"));
    EXPECT_EQ(property.at("by").at("principal"), json::value("service"));
    EXPECT_EQ(drift.at("notDesired").at(0).at("path"), json::value("old"));
    EXPECT_EQ(ask("GET", "/twins/nobody/drift").status, 404u);
    EXPECT_EQ(ask("GET", "/twins/d1/modules/m/drift").status, 404u);
    EXPECT_EQ(ask("GET", "/twins/d1/drift", {}, "registryRead").status, 401u);
}

TEST_F(DriftDoor, SaysWhoWantsAPropertyAndWhoAskedForIt) {
    create("d1", R"({"site":"x"})");
    for (const auto& [id, priority, speed] : {std::tuple("base", 1, 5), std::tuple("site", 2, 7)}) {
        const std::string body = fmt::format(R"({{"id":"{}","priority":{},"targetCondition":"*",
                "content":{{"deviceContent":{{"properties.desired.fan":{{"speed":{}}}}}}}}})",
                                             id, priority, speed);
        ASSERT_EQ(ask("PUT", std::string("/configurations/") + id, body, "iothubowner").status,
                  200u);
    }
    const auto property = [&] {
        return ask("GET", "/twins/d1/drift").json().at("properties").at(0).as_object();
    };
    for (int i = 0; i < 100 && property().at("desired") != json::value(7); ++i) door.hub().tick(0);
    const json::object shown = property();
    EXPECT_EQ(to_text(shown.at("wantedBy")),
              R"([{"configuration":"site","version":1,"priority":2,"value":7,"wins":true},)"
              R"({"configuration":"base","version":1,"priority":1,"value":5,"wins":false}])");
    json::object by = shown.at("by").as_object();
    EXPECT_EQ(by.at("kind"), "configuration");
    EXPECT_EQ(by.at("id"), "site");
    EXPECT_EQ(by.at("version"), 1);
    EXPECT_EQ(by.at("person"), "iothubowner");
    const json::object line =
        ask("GET", "/twins/d1/history?limit=1").json().at("changes").at(0).as_object();
    EXPECT_EQ(line.at("by"), json::value(by));
    EXPECT_EQ(line.at("cause"), "configuration");
    EXPECT_EQ(ask("GET", "/twins/d1/history?author=system%3Aconfiguration%2Fsite&limit=1")
                  .json()
                  .at("changes")
                  .as_array()
                  .size(),
              1u);
}

TEST_F(DriftDoor, NeedsNoApiVersion) {
    const Response response = door.ask_raw(
        "GET /fleet/summary HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " + door.token() +
        "\r\n\r\n");
    EXPECT_EQ(response.status, 200u) << response.body;
    EXPECT_EQ(response.json().at("devices"), json::value(0));
}

TEST_F(DriftDoor, CountsTheFleetWithAndWithoutACondition) {
    for (const char* id : {"d1", "d2", "d3"}) create(id, R"({"site":"north"})");
    create("d4", R"({"site":"south"})");
    tell("d1", R"({"fan":{"speed":3}})");
    tell("d4", R"({"fan":{"speed":3}})");
    tell("d2", R"({"fan":{"speed":4}})");
    json::object all = ask("GET", "/fleet/summary").json().as_object();
    EXPECT_EQ(all.at("devices"), json::value(4));
    EXPECT_EQ(all.at("states").at("converged"), json::value(2));
    EXPECT_EQ(all.at("states").at("drifted"), json::value(1));
    EXPECT_EQ(all.at("states").at("offline"), json::value(1));
    EXPECT_EQ(all.at("properties").at("drifted"), json::value(1));
    json::object north =
        ask("GET", "/fleet/summary?where=tags.site%20%3D%20%27north%27").json().as_object();
    EXPECT_EQ(north.at("devices"), json::value(3));
    EXPECT_EQ(north.at("states").at("converged"), json::value(1));
    EXPECT_EQ(ask("GET", "/fleet/summary?where=tags.site%20%3D").status, 400u);
    EXPECT_EQ(ask("GET", "/fleet/summary?where=*%20GROUP%20BY%20a").status, 400u);
    EXPECT_EQ(ask("GET", "/fleet/summary", {}, "registryRead").status, 401u);
}

TEST_F(DriftDoor, NamesThePathsThatAreNotMet) {
    for (const char* id : {"d1", "d2", "d3"}) create(id, "{}");
    tell("d1", R"({"fan":{"speed":{"value":1,"ac":400,"av":2,"ad":"sensor 12 is broken"}}})");
    tell("d2", R"({"fan":{"speed":{"value":1,"ac":400,"av":2,"ad":"sensor 77 is broken"}}})");
    const json::array paths = ask("GET", "/drift/paths").json().at("paths").as_array();
    ASSERT_EQ(paths.size(), 1u);
    EXPECT_EQ(paths[0].at("path"), json::value("fan.speed"));
    EXPECT_EQ(paths[0].at("states").at("rejected"), json::value(2));
    EXPECT_EQ(paths[0].at("states").at("offline"), json::value(1));
    const json::value& reason = paths[0].at("reasons").at(0);
    EXPECT_EQ(reason.at("words"), json::value("sensor ## is broken"));
    EXPECT_EQ(reason.at("devices"), json::value(2));
    EXPECT_EQ(ask("GET", "/drift/paths?limit=0").status, 400u);
}

TEST_F(DriftDoor, SaysWhatSeparatesTheDriftedFromTheConverged) {
    for (int i = 0; i < 12; ++i) {
        const std::string id = "d" + std::to_string(i);
        create(id, R"({"site":")" + std::string(i % 2 == 0 ? "north" : "south") + R"(","ring":1})");
        const bool bad = i % 3 == 0;
        tell(id, R"({"hw":")" + std::string(bad ? "S2" : "S3") + R"(","fan":{"speed":)" +
                     (bad ? "9" : "3") + "}}");
    }
    const json::object why = ask("POST", "/drift/why", "{}").json().as_object();
    EXPECT_EQ(why.at("set"), json::value(4));
    EXPECT_EQ(why.at("baseline"), json::value(8));
    std::string paths;
    for (const json::value& factor : why.at("factors").as_array())
        paths += std::string(factor.at("path").as_string()) + " ";
    EXPECT_EQ(paths.substr(0, paths.find("properties.reported.hw")).find("tags"), std::string::npos)
        << paths;
    bool found = false;
    for (const json::value& factor : why.at("factors").as_array()) {
        if (factor.at("path") != json::value("properties.reported.hw")) continue;
        found = true;
        EXPECT_EQ(factor.at("value"), json::value("S2"));
        EXPECT_EQ(factor.at("devices"), json::value(4));
        EXPECT_EQ(factor.at("inSet").as_double(), 1.0);
        EXPECT_EQ(factor.at("inBaseline").as_double(), 0.0);
        EXPECT_EQ(factor.at("score").as_double(), 1.0);
        const std::string asked =
            to_text(json::value{{"query", "SELECT deviceId FROM devices WHERE " +
                                              std::string(factor.at("condition").as_string())}});
        EXPECT_EQ(ask("POST", "/devices/query", asked).json().as_array().size(), 4u);
    }
    EXPECT_TRUE(found);
    EXPECT_EQ(ask("POST", "/drift/why", R"({"baseline":"nobody"})").status, 400u);
    EXPECT_EQ(ask("POST", "/drift/why", R"({"where":"tags."})").status, 400u);
    EXPECT_EQ(ask("POST", "/drift/why", R"({"limit":0})").status, 400u);
    EXPECT_EQ(ask("POST", "/drift/why", R"({"where":"tags.site = 'nowhere'"})").json().at("set"),
              json::value(0));
}

}  // namespace
}  // namespace twinhub::gateway::http
