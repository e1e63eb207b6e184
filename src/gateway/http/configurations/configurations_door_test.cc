// The configurations' endpoints: the words and states of Azure IoT Hub.
#include "base/encoding.h"
#include "gateway/http/testing/service_client.h"
#include "hub/configurations/configurations.h"
#include "query/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using testing::HasSubstr;

constexpr std::string_view any = "If-Match: *\r\n";
const std::string path = "/configurations/c1";
const std::string body = R"({"id":"c1","schemaVersion":"2.0","labels":{"k":"v"},
    "content":{"deviceContent":{"properties.desired.fan":{"speed":3}}},
    "targetCondition":"tags.site='x'","priority":10,
    "metrics":{"queries":{"m1":"select deviceId from devices where tags.site='x'"}},"etag":"*"})";

class ConfigurationsDoor : public testing::Test {
protected:
    ServiceDoor door;

    Response put(std::string_view text = body, std::string_view fields = {},
                 const std::string& to = path) {
        return door.ask("PUT", to, std::string(text), fields);
    }
    static std::string error(const Response& response) {
        return std::string(response.field("iothub-errorcode"));
    }
    // Turns the hub until `done` says so.
    template <class Done>
    void until(Done done) {
        for (int i = 0; i < 1000 && !done(); ++i) {
            door.hub().tick(0);
            door.ask("GET", "/statistics/service");
        }
        ASSERT_TRUE(done());
    }
    void create(const std::string& device, const std::string& more = "") {
        const Response made =
            door.ask("PUT", "/devices/" + device, R"({"deviceId":")" + device + "\"" + more + "}");
        ASSERT_EQ(made.status, 200u) << made.body;
    }
};

TEST_F(ConfigurationsDoor, OneIsMadeShownChangedAndRemoved) {
    const Response made = put();
    ASSERT_EQ(made.status, 200u) << made.body;
    const json::object shown = made.json().as_object();
    EXPECT_EQ(shown.at("id"), "c1");
    EXPECT_EQ(shown.at("schemaVersion"), "2.0");
    EXPECT_EQ(shown.at("labels"), (json::value{{"k", "v"}}));
    EXPECT_EQ(to_text(shown.at("content")),
              R"({"deviceContent":{"properties.desired.fan":{"speed":3}}})");
    EXPECT_EQ(shown.at("priority"), 10);
    EXPECT_EQ(
        to_text(shown.at("systemMetrics")),
        R"({"results":{},"queries":{)"
        R"("appliedCount":"select deviceId from devices where configurations.[[c1]].status = 'Applied'",)"
        R"("targetedCount":"select deviceId from devices where tags.site='x'"}})");
    EXPECT_EQ(to_text(shown.at("metrics").at("results")), "{}");
    EXPECT_EQ(shown.at("etag"), json::value(base64_encode("1")));
    EXPECT_EQ(made.field("etag"), '"' + base64_encode("1") + '"');
    EXPECT_TRUE(shown.contains("createdTimeUtc") && shown.contains("lastUpdatedTimeUtc"));

    EXPECT_EQ(error(put()), "ConfigurationAlreadyExists");
    EXPECT_EQ(put(body, "If-Match: \"other\"\r\n").status, 412u);
    // A client sends back all that it got.
    json::object again = shown;
    again["priority"] = 99;
    again["contentType"] = nullptr;
    const Response changed =
        put(to_text(json::value(again)), "If-Match: " + std::string(made.field("etag")) + "\r\n");
    ASSERT_EQ(changed.status, 200u) << changed.body;
    EXPECT_EQ(changed.json().at("priority"), 99);
    EXPECT_EQ(changed.json().at("etag"), json::value(base64_encode("2")));
    // Without quotes, too.
    EXPECT_EQ(put(body, "If-Match: " + base64_encode("2") + "\r\n").status, 200u);

    EXPECT_EQ(door.ask("DELETE", path, {}, "If-Match: \"x\"\r\n").status, 412u);
    EXPECT_EQ(door.ask("DELETE", path).status, 204u);
    EXPECT_EQ(error(door.ask("GET", path)), "ConfigurationNotFound");
    EXPECT_EQ(error(door.ask("DELETE", path)), "ConfigurationNotFound");
    EXPECT_EQ(error(put(body, any)), "ConfigurationNotFound");
}

TEST_F(ConfigurationsDoor, ShowsNothingWhereNothingWasSaid) {
    const Response made = put(R"({"content":{"moduleContent":{"properties.desired.a":1}},
        "targetCondition":"","metrics":{"queries":null}})");
    ASSERT_EQ(made.status, 200u) << made.body;
    EXPECT_TRUE(made.json().at("labels").is_null());
    EXPECT_TRUE(made.json().at("schemaVersion").is_null());
    EXPECT_EQ(made.json().at("priority"), 0);
    EXPECT_EQ(to_text(made.json().at("metrics")), R"({"results":{},"queries":{}})");
    EXPECT_EQ(made.json().at("systemMetrics").at("queries").at("targetedCount"), "");
}

TEST_F(ConfigurationsDoor, ListsThemById) {
    for (const char* id : {"b", "a", "c"})
        ASSERT_EQ(put(body, {}, "/configurations/" + std::string(id)).status, 200u);
    const auto all = door.ask("GET", "/configurations/?top=2").json().as_array();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].at("id"), "a");
    EXPECT_TRUE(all[0].at("content").as_object().contains("deviceContent"));
    EXPECT_EQ(door.ask("GET", "/configurations").json().as_array().size(), 3u);
    EXPECT_EQ(door.ask("GET", "/configurations?top=x").status, 400u);
}

TEST_F(ConfigurationsDoor, SaysWhatIsWrong) {
    struct Row {
        const char* body;
        const char* error;
        const char* words;
    };
    for (const Row& row : {
             Row{R"({"content":{"deviceContent":{"tags.x":1}}})", "InvalidConfigurationContent",
                 "content.deviceContent"},
             Row{R"({})", "InvalidConfigurationContent", "content"},
             Row{R"({"content":{"deviceContent":{},"moduleContent":{}}})",
                 "InvalidConfigurationContent", "one of"},
             Row{R"({"content":{"deviceContent":{}},"targetCondition":"tags.a ="})",
                 "InvalidConfigurationTargetCondition", "line 1"},
             Row{R"({"content":{"deviceContent":{}},"targetCondition":"properties.desired.a=1"})",
                 "InvalidConfigurationTargetCondition", "reported"},
             Row{R"({"content":{"deviceContent":{}},"metrics":{"queries":{"m":"select *"}}})",
                 "InvalidConfigurationCustomMetricsQuery", ""},
         }) {
        const Response refused = put(row.body);
        EXPECT_EQ(refused.status, 400u) << row.body;
        EXPECT_EQ(error(refused), row.error) << refused.body;
        EXPECT_THAT(refused.body, HasSubstr(row.words));
    }
    EXPECT_EQ(put(body, {}, "/configurations/Upper").status, 400u);
}

TEST_F(ConfigurationsDoor, AsksForTheRightsOfTheRegistry) {
    EXPECT_EQ(door.ask("GET", path, {}, {}, "service").status, 401u);
    EXPECT_EQ(door.ask("PUT", path, body, {}, "registryRead").status, 401u);
    EXPECT_EQ(door.ask("PUT", path, body, {}, "registryReadWrite").status, 200u);
    EXPECT_EQ(door.ask("GET", path, {}, {}, "registryRead").status, 200u);
    EXPECT_EQ(door.ask("DELETE", path, {}, {}, "registryRead").status, 401u);
    EXPECT_EQ(door.ask("POST", "/configurations/testQueries", "{}", {}, "registryRead").status,
              200u);
    EXPECT_EQ(door.ask("POST", "/devices/d/applyConfigurationContent", "{}", {}, "service").status,
              401u);
}

TEST_F(ConfigurationsDoor, TestsQueriesAndAlwaysAnswers) {
    const Response good = door.ask(
        "POST", "/configurations/testQueries",
        R"({"targetCondition":"*","customMetricQueries":{"m":"select deviceId from devices"}})");
    ASSERT_EQ(good.status, 200u) << good.body;
    EXPECT_EQ(good.body, R"({"targetConditionError":null,"customMetricQueryErrors":{}})");
    const Response bad =
        door.ask("POST", "/configurations/testQueries",
                 R"({"targetCondition":"tags.a =","customMetricQueries":{"m":"select from"}})");
    ASSERT_EQ(bad.status, 200u);
    EXPECT_TRUE(bad.json().at("targetConditionError").is_string());
    EXPECT_TRUE(bad.json().at("customMetricQueryErrors").at("m").is_string());
}

TEST_F(ConfigurationsDoor, TheStatusStandsInTheTwinAndMetricsCountIt) {
    create("d1");
    create("d2");
    ASSERT_EQ(door.ask("PATCH", "/twins/d1", R"({"tags":{"site":"x"}})").status, 200u);
    ASSERT_EQ(put().status, 200u);
    until([this] {
        return door.ask("GET", "/twins/d1").json().as_object().contains("configurations");
    });
    const json::value twin = door.ask("GET", "/twins/d1").json();
    EXPECT_EQ(to_text(twin.at("configurations")), R"({"c1":{"status":"Applied"}})");
    EXPECT_EQ(twin.at("properties").at("desired").at("fan").at("speed"), 3);
    EXPECT_FALSE(door.ask("GET", "/twins/d2").json().as_object().contains("configurations"));
    until([this] {
        const json::value metrics = door.ask("GET", path).json().at("systemMetrics");
        return !metrics.at("results").as_object().empty();
    });
    const json::value shown = door.ask("GET", path).json();
    EXPECT_EQ(to_text(shown.at("systemMetrics").at("results")),
              R"({"appliedCount":1,"targetedCount":1})");
    EXPECT_EQ(to_text(shown.at("metrics").at("results")), R"({"m1":1})");
    for (const auto& [name, text] : shown.at("systemMetrics").at("queries").as_object()) {
        const Response rows =
            door.ask("POST", "/devices/query", to_text(json::value(json::object{{"query", text}})));
        EXPECT_EQ(rows.body, R"([{"deviceId":"d1"}])") << name;
    }
    const Response effect = door.ask("GET", path + "/effect");
    ASSERT_EQ(effect.status, 200u) << effect.body;
    EXPECT_EQ(effect.json().at("targeted"), 1);
    EXPECT_EQ(effect.json().at("applied"), 1);
    EXPECT_EQ(effect.json().at("states").at("offline"), 1);
    EXPECT_EQ(to_text(effect.json().at("overlaps")), "[]");
}

TEST_F(ConfigurationsDoor, AppliesAContentToOneEdgeDevice) {
    create("e1", R"(,"capabilities":{"iotEdge":true})");
    create("d1");
    const std::string content = R"({"modulesContent":{"$edgeAgent":{"properties.desired":{
        "modules":{"sensor":{"status":"running"}}}},"$edgeHub":{"properties.desired":{}},
        "sensor":{"properties.desired":{"rate":5}}}})";
    const Response applied = door.ask("POST", "/devices/e1/applyConfigurationContent", content);
    EXPECT_EQ(applied.status, 204u) << applied.body;
    EXPECT_EQ(door.ask("GET", "/devices/e1/modules").json().as_array().size(), 3u);
    EXPECT_EQ(door.ask("GET", "/twins/e1/modules/sensor")
                  .json()
                  .at("properties")
                  .at("desired")
                  .at("rate"),
              5);
    const Response refused = door.ask("POST", "/devices/d1/applyConfigurationContent", content);
    EXPECT_EQ(error(refused), "ArgumentInvalid");
    EXPECT_THAT(refused.body, HasSubstr("not an edge device"));
    EXPECT_EQ(error(door.ask("POST", "/devices/e1/applyConfigurationContent", "{}")),
              "InvalidConfigurationContent");
}

}  // namespace
}  // namespace twinhub::gateway::http
