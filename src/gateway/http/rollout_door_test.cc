// Rollouts over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "hub/rollouts/rollouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

class RolloutDoor : public testing::Test {
protected:
    RolloutDoor() {
        for (const char* id : {"d1", "d2", "d3", "d4"}) {
            const std::string name(id);
            EXPECT_EQ(
                ask("PUT", "/devices/" + name, R"({"deviceId":")" + name + R"("})", "iothubowner")
                    .status,
                200u);
            EXPECT_EQ(ask("PATCH", "/twins/" + name,
                          R"({"tags":{"fleet":")" + std::string(name == "d4" ? "g" : "f") +
                              R"("},"properties":{"desired":{"mode":1}}})")
                          .status,
                      200u);
        }
    }
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view policy = "service") {
        return door.ask(method, path, body, {}, policy);
    }
    // The plan of the rollout r, as the body of a PUT.
    std::string planned(std::string_view members = "") {
        const Response plan = ask(
            "POST", "/rollouts/plan",
            R"({"name":"r","target":"tags.fleet = 'f'","patch":{"properties":{"desired":{"mode":2}}},
                "waves":[{"count":1},{"rest":true}],"gates":{"convergedAtLeast":1})" +
                std::string(members) + "}");
        EXPECT_EQ(plan.status, 200u) << plan.body;
        return to_text(json::object{{"plan", plan.json().at("plan")}});
    }
    // Upkeep, until what follows from it is there.
    void go(const std::function<bool()>& done) {
        bool is_there = done();
        for (int turn = 0; turn < 200 && !is_there; ++turn, is_there = done()) {
            door.advance(std::chrono::seconds{1});
            door.hub().tick(0);
            door.on_memory().run_ready();
        }
        EXPECT_TRUE(is_there);
    }
    json::object rollout() { return ask("GET", "/rollouts/r").json().as_object(); }
    std::string state() { return std::string(rollout().at("state").as_string()); }

    ServiceDoor door;
};

TEST_F(RolloutDoor, PlansAsTheConsoleReadsIt) {
    const Response response = ask(
        "POST", "/rollouts/plan",
        R"({"name":"r","target":"tags.fleet = 'f'","patch":{"properties":{"desired":{"mode":2}}},
            "waves":[{"toPercent":40},{"rest":true}],"gates":{"convergedAtLeast":0.97,
            "rejectedAtMost":0.01,"soak":"PT20M","offlineAllowance":0.1},"window":null,
            "rollback":"ownValues"})");
    ASSERT_EQ(response.status, 200u) << response.body;
    const json::object plan = response.json().as_object();
    EXPECT_EQ(plan.at("devices"), json::value(3));
    EXPECT_EQ(plan.at("differs"), json::value(3));
    EXPECT_EQ(plan.at("same"), json::value(0));
    EXPECT_EQ(plan.at("offline"), json::value(3));
    EXPECT_EQ(plan.at("waves"), (json::value{1, 2}));
    EXPECT_EQ(plan.at("validUntilMovedBy"), json::value(0.02));
    EXPECT_EQ(plan.at("changes").at(0).at("path"), json::value("properties.desired.mode"));
    EXPECT_EQ(plan.at("changes").at(0).at("from"), json::value(1));
    EXPECT_EQ(plan.at("changes").at(0).at("to"), json::value(2));
    EXPECT_EQ(plan.at("changes").at(0).at("devices"), json::value(3));
    EXPECT_EQ(plan.at("faults").at(0).at("devices"), json::value(0));
    EXPECT_TRUE(plan.at("overlaps").as_array().empty());
    EXPECT_TRUE(plan.at("plan").is_string());
    EXPECT_EQ(response.field("cache-control"), "no-store");
}

TEST_F(RolloutDoor, RefusesWhatIsWrongAndSaysWhere) {
    const Response response = ask("POST", "/rollouts/plan",
                                  R"({"name":"r","target":"*","patch":{"tags":{"a":1}},
                                      "waves":[{"rest":true}]})");
    EXPECT_EQ(response.status, 400u);
    EXPECT_THAT(response.body, testing::HasSubstr("confirmAll"));
    EXPECT_EQ(ask("PUT", "/rollouts/r", R"({"plan":"a.b"})").status, 400u);
    EXPECT_EQ(ask("PUT", "/rollouts/r", "{}").status, 400u);
    EXPECT_EQ(ask("GET", "/rollouts/r").status, 404u);
    EXPECT_EQ(ask("POST", "/rollouts/r/start").status, 404u);
    EXPECT_EQ(ask("GET", "/rollouts/r/devices").status, 404u);
    EXPECT_EQ(ask("GET", "/rollouts/r/stream").status, 404u);
    EXPECT_EQ(ask("POST", "/rollouts/r/dance").status, 404u);
    for (const char* path : {"/rollouts", "/rollouts/r", "/rollouts/r/devices"})
        EXPECT_EQ(ask("GET", path, {}, "registryReadWrite").status, 401u) << path;
    EXPECT_EQ(ask("PUT", "/rollouts/r", planned(), "registryReadWrite").status, 401u);
    const Response secret =
        ask("POST", "/rollouts/plan",
            R"({"name":"r","target":"tags.fleet = 'f'","waves":[{"rest":true}],
            "patch":{"properties":{"desired":{"key":"HostName=h.azure-devices.net;DeviceId=d;)"
            R"(SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}})");
    EXPECT_EQ(secret.status, 400u) << secret.body;
}

TEST_F(RolloutDoor, GoesThroughTheLifeOfARollout) {
    ASSERT_EQ(ask("PUT", "/rollouts/r", planned()).status, 200u);
    EXPECT_EQ(state(), "draft");
    EXPECT_EQ(ask("POST", "/rollouts/r/pause").status, 409u);
    ASSERT_EQ(ask("POST", "/rollouts/r/start", R"({"reason":"new mode"})").status, 200u);
    go([this] { return rollout().at("steps").at("told") == json::value(1); });
    const json::object running = rollout();
    EXPECT_EQ(running.at("state"), json::value("running"));
    EXPECT_EQ(running.at("wave"), json::value(1));
    const json::object& wave = running.at("waves").at(0).as_object();
    EXPECT_EQ(wave.at("state"), json::value("running"));
    EXPECT_EQ(wave.at("states").at("offline"), json::value(1));
    EXPECT_EQ(wave.at("gates").at("converged").at("atLeast"), json::value(1.0));
    EXPECT_EQ(wave.at("gates").at("converged").at("ok"), json::value(false));
    EXPECT_EQ(running.at("waves").at(1).at("state"), json::value("waiting"));
    EXPECT_EQ(ask("PUT", "/rollouts/r", planned()).status, 409u);
    EXPECT_EQ(ask("DELETE", "/rollouts/r").status, 409u);

    const json::array devices =
        ask("GET", "/rollouts/r/devices?state=offline&wave=1").json().at("devices").as_array();
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(devices[0].at("step"), json::value("told"));
    EXPECT_EQ(devices[0].at("changes").at(0).at("path"), json::value("properties.desired.mode"));
    EXPECT_EQ(devices[0].at("changes").at(0).at("before"), json::value(1));
    const json::object page = ask("GET", "/rollouts/r/devices?limit=2").json().as_object();
    EXPECT_EQ(page.at("devices").as_array().size(), 2u);
    const std::string next(page.at("next").as_string());
    EXPECT_EQ(ask("GET", "/rollouts/r/devices?limit=2&after=" + next)
                  .json()
                  .at("devices")
                  .as_array()
                  .size(),
              1u);
    EXPECT_EQ(ask("GET", "/rollouts/r/devices?limit=0").status, 400u);
    EXPECT_EQ(ask("GET", "/rollouts/r/devices?wave=x").status, 400u);

    ASSERT_EQ(ask("POST", "/rollouts/r/abort").status, 200u);
    EXPECT_EQ(state(), "halted");
    EXPECT_EQ(ask("POST", "/rollouts/r/rollback", "{}").status, 400u);
    ASSERT_EQ(ask("POST", "/rollouts/r/rollback", R"({"reason":"no"})").status, 200u);
    go([this] { return state() == "rolledBack"; });
    EXPECT_EQ(rollout().at("steps").at("restored"), json::value(1));
    for (const char* id : {"d1", "d2", "d3"})
        EXPECT_EQ(ask("GET", "/twins/" + std::string(id))
                      .json()
                      .at("properties")
                      .at("desired")
                      .at("mode"),
                  json::value(1));
    const json::array all = ask("GET", "/rollouts").json().at("rollouts").as_array();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].at("name"), json::value("r"));
    go([this] { return ask("DELETE", "/rollouts/r").status == 204u; });
    EXPECT_EQ(ask("GET", "/rollouts/r").status, 404u);
}

TEST_F(RolloutDoor, StreamsWhatMoves) {
    ASSERT_EQ(ask("PUT", "/rollouts/r", planned()).status, 200u);
    const auto peer = door.connect();
    peer->send(door.request("GET", "/rollouts/r/stream", {}, {}, "service"));
    door.on_memory().run_until(
        [&] { return peer->received.find(R"("state":"draft")") != std::string::npos; });
    EXPECT_THAT(peer->received, testing::HasSubstr("Content-Type: text/event-stream"));
    EXPECT_THAT(peer->received, testing::HasSubstr("event: rollout\nid: "));
    ASSERT_EQ(ask("POST", "/rollouts/r/start").status, 200u);
    go([&] { return peer->received.find(R"("state":"running")") != std::string::npos; });
    ASSERT_EQ(ask("POST", "/rollouts/r/abort").status, 200u);
    go([&] { return peer->received.find(R"("state":"halted")") != std::string::npos; });
    go([this] { return ask("DELETE", "/rollouts/r").status == 204u; });
    go([&] { return peer->received.find("event: removed") != std::string::npos; });
}

}  // namespace
}  // namespace twinhub::gateway::http
