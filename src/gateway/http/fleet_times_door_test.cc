// How long devices take to converge, over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "hub/shards.h"
#include "twin/update.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;

class FleetTimesDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {}) {
        return door.ask(method, path, body, {}, "iothubowner");
    }
    json::object answer(std::string_view path) {
        const Response response = ask("GET", path);
        EXPECT_EQ(response.status, 200u) << path << ": " << response.body;
        return response.status == 200 ? response.json().as_object() : json::object{};
    }
    void make(const std::string& id, const std::string& depot) {
        ASSERT_EQ(ask("PUT", "/devices/" + id, "{}").status, 200u);
        ASSERT_EQ(ask("PATCH", "/twins/" + id,
                      R"({"tags":{"depot":")" + depot + R"("},"properties":{"desired":{"fan":1}}})")
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

TEST_F(FleetTimesDoor, TellsWhatNearlyAllDevicesOfAGroupTook) {
    make("a", "x");
    make("b", "x");
    make("c", "y");
    make("e", "z");
    door.advance(3s);
    tell("a", R"({"fan":1})");
    tell("b", R"({"fan":2})");
    door.advance(20s);
    tell("c", R"({"fan":1})");
    const json::object groups = answer("/fleet/groups?by=tags.depot&sort=key&of=p95Seconds");
    const json::array& all = groups.at("groups").as_array();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_DOUBLE_EQ(all.at(0).at("p95Seconds").as_double(), 2 + 3 * 0.95);
    EXPECT_DOUBLE_EQ(all.at(1).at("p95Seconds").as_double(), 10 + 20 * 0.95);
    EXPECT_FALSE(all.at(2).as_object().contains("p95Seconds"));
    const json::object some =
        answer("/fleet/groups?by=tags.depot&of=p95Seconds&where=deviceId%3D%27b%27");
    EXPECT_FALSE(some.at("groups").at(0).as_object().contains("p95Seconds"));
    EXPECT_FALSE(answer("/fleet/groups?by=tags.depot")
                     .at("groups")
                     .at(0)
                     .as_object()
                     .contains("p95Seconds"));
    EXPECT_EQ(ask("GET", "/fleet/groups?by=tags.depot&of=p50").status, 400u);
}

TEST_F(FleetTimesDoor, TellsItOfTheDevicesOfAConfiguration) {
    make("a", "x");
    make("c", "y");
    door.advance(1s);
    ASSERT_EQ(ask("PUT", "/configurations/conf",
                  R"({"content":{"deviceContent":{"properties.desired.p":1}},"priority":1,)"
                  R"("targetCondition":"tags.depot='x'"})")
                  .status,
              200u);
    while (!answer("/twins/a").at("properties").at("desired").as_object().contains("p")) {
        door.advance(0s);
        door.hub().tick(0);
    }
    door.advance(4s);
    tell("a", R"({"fan":1,"p":1})");
    tell("c", R"({"fan":1})");
    EXPECT_EQ(answer("/fleet/convergence").at("devices"), json::value(2));
    EXPECT_EQ(answer("/fleet/convergence?configuration=conf").at("devices"), json::value(1));
    EXPECT_EQ(
        answer("/fleet/convergence?configuration=conf&where=tags.depot%3D%27y%27").at("devices"),
        json::value(0));
    EXPECT_EQ(ask("GET", "/fleet/convergence?configuration=other").status, 404u);
}

TEST_F(FleetTimesDoor, PredictsFromWhatWasMeasured) {
    make("a", "x");
    const auto predicted = [&](std::string_view desired) {
        const Response response =
            ask("POST", "/twins/a/check",
                R"({"body":{"properties":{"desired":)" + std::string(desired) + "}}}");
        EXPECT_EQ(response.status, 200u) << response.body;
        return response.json().at("predict").as_object();
    };
    EXPECT_EQ(predicted(R"({"fan":2})"),
              parse_json(R"({"connected":false,"p50Seconds":null,"p95Seconds":null})")
                  .value()
                  .as_object());
    for (int i = 0; i < 20; ++i) {
        make("d" + std::to_string(i), "x");
        door.advance(3s);
        tell("d" + std::to_string(i), R"({"fan":1})");
    }
    const json::object predict = predicted(R"({"fan":2,"other":3})");
    EXPECT_DOUBLE_EQ(predict.at("p50Seconds").as_double(), 2 + 3 * 0.5);
    EXPECT_DOUBLE_EQ(predict.at("p95Seconds").as_double(), 2 + 3 * 0.95);
    EXPECT_TRUE(predicted(R"({"other":3})").at("p50Seconds").is_null());
    EXPECT_TRUE(predicted(R"({"fan":null})").at("p50Seconds").is_null());
}

}  // namespace
}  // namespace twinhub::gateway::http
