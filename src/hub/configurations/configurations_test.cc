#include "hub/configurations/configurations.h"

#include "hub/configurations/applied.h"
#include "hub/queries.h"
#include "hub/testing/heard_events.h"
#include "hub/testing/histories.h"
#include "hub/testing/registry_calls.h"
#include "hub/testing/test_hub.h"
#include "store/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using Fault = store::MemoryEngine::Fault;

json::object object(std::string_view text) { return parse_json(text).value().get_object(); }

struct ConfigurationsTest : ::testing::Test {
    explicit ConfigurationsTest(Settings settings = {}) : hub(std::move(settings)) {}
    TestHub hub;

    Configurations& configurations() { return hub.hub().configurations(); }
    Task<Result<ConfigurationPtr>> putting(std::string_view id, std::string_view body,
                                           twin::Match match = {}) {
        return configurations().put(read_configuration(id, object(body)).value(), std::move(match),
                                    author_of("put"));
    }
    Result<ConfigurationPtr> put(std::string_view id, std::string_view body,
                                 twin::Match match = {}) {
        return hub.run(putting(id, body, std::move(match)));
    }
    Result<ConfigurationPtr> change(std::string_view id, std::string_view body) {
        return put(id, body, twin::Match::any());
    }
    Result<> remove(std::string_view id, twin::Match match = {}) {
        return hub.run(
            configurations().remove(std::string(id), std::move(match), author_of("remove")));
    }
    std::string desired(const TwinId& id) { return to_text(hub.view(id).twin.desired.to_json()); }
    std::string desired(std::string_view device) { return desired(id_of(device)); }
    std::string statuses(const TwinId& id) {
        const auto shown = hub.view(id).presence.configurations;
        std::string text;
        if (shown)
            for (const twin::Member& each : shown->members)
                text += (text.empty() ? "" : " ") + each.key + "=" +
                        std::string(each.node.find("status")->leaf().as_string());
        return text;
    }
    std::string statuses(std::string_view device) { return statuses(id_of(device)); }
    std::vector<std::string> query(const std::string& text) { return answer_of(hub, text); }
};

const std::string a_is_1 =
    R"({"content":{"deviceContent":{"properties.desired.a":1}},"priority":1,)"
    R"("targetCondition":"tags.site='x'"})";

TEST_F(ConfigurationsTest, SetTheTwinsThatTheyAreFor) {
    for (const char* name : {"d1", "d2", "d3"}) hub.create(spec_of(name));
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    hub.patch(id_of("d2"), R"({"tags":{"site":"y"}})");
    hub.patch(id_of("d3"), R"({"tags":{"site":"x"},"properties":{"desired":{"a":1}}})");
    const auto before = hub.view(id_of("d1")).twin.versions;
    ASSERT_TRUE(put("c1", a_is_1));
    EXPECT_EQ(desired("d1"), R"({"a":1})");
    EXPECT_EQ(desired("d2"), "{}");
    const auto after = hub.view(id_of("d1")).twin.versions;
    EXPECT_EQ(after.version, before.version + 1);
    EXPECT_EQ(after.etag, before.etag + 1);
    EXPECT_EQ(after.desired, before.desired + 1);
    // What is so already is not written again.
    EXPECT_EQ(hub.view(id_of("d3")).twin.versions.desired, 2u);
    EXPECT_EQ(statuses("d1"), "c1=Applied");
    EXPECT_EQ(statuses("d2"), "");
    EXPECT_EQ(statuses("d3"), "c1=Applied");
    const std::vector<std::string> rows{R"({"deviceId":"d1"})", R"({"deviceId":"d3"})"};
    EXPECT_EQ(query("select deviceId from devices where configurations.[[c1]].status = 'Applied'"),
              rows);
    EXPECT_THAT(query("select * from devices where deviceId = 'd1'").at(0),
                ::testing::HasSubstr(R"("configurations":{"c1":{"status":"Applied"}})"));
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(ConfigurationsTest, FollowTheTagsOfATwin) {
    hub.create(spec_of("d1"));
    ASSERT_TRUE(put("c1", a_is_1));
    TestLink link;
    hub.connect(id_of("d1"), link);
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    hub.tick();
    EXPECT_EQ(desired("d1"), R"({"a":1})");
    ASSERT_EQ(link.bodies.size(), 1u);
    EXPECT_EQ(link.bodies[0], R"({"a":1,"$version":2})");
    hub.patch(id_of("d1"), R"({"tags":{"site":"y"}})");
    hub.tick();
    EXPECT_EQ(desired("d1"), "{}");
    EXPECT_EQ(link.bodies.at(1), R"({"a":null,"$version":3})");
    EXPECT_EQ(statuses("d1"), "");
    EXPECT_TRUE(query("select deviceId from devices where is_defined(configurations)").empty());
}

TEST_F(ConfigurationsTest, FollowWhatDevicesReport) {
    hub.create(spec_of("d1"));
    ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
        "targetCondition":"properties.reported.fw < 2"})"));
    hub.begin_report(id_of("d1"), R"({"fw":1})");
    hub.settle();
    hub.tick();
    EXPECT_EQ(statuses("d1"), "c1=Applied");
    hub.begin_report(id_of("d1"), R"({"fw":2})");
    hub.settle();
    hub.tick();
    EXPECT_EQ(statuses("d1"), "");
    EXPECT_EQ(desired("d1"), "{}");
}

TEST_F(ConfigurationsTest, ReachTwinsThatComeLater) {
    ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
        "targetCondition":"*"})"));
    hub.create(spec_of("d1"));
    hub.tick();
    EXPECT_EQ(desired("d1"), R"({"a":1})");
    // One with the same name is another twin.
    ASSERT_TRUE(testing::remove(hub, id_of("d1")));
    EXPECT_EQ(hub.engine()
                  .get(store::Family::metadata,
                       store::metadata_key(store::Area::applied, store::twin_key(id_of("d1"))))
                  .value(),
              std::nullopt);
    hub.create(spec_of("d1"));
    EXPECT_EQ(statuses("d1"), "");
    hub.tick();
    EXPECT_EQ(statuses("d1"), "c1=Applied");
}

TEST_F(ConfigurationsTest, TheHigherPriorityWinsAndADeletedOneGivesWay) {
    hub.create(spec_of("d1"));
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("low", a_is_1));
    ASSERT_TRUE(put("high", R"({"content":{"deviceContent":{"properties.desired.a":2,
        "properties.desired.b":2}},"priority":9,"targetCondition":"*"})"));
    EXPECT_EQ(desired("d1"), R"({"a":2,"b":2})");
    EXPECT_EQ(statuses("d1"), "high=Applied low=Targeted");
    ASSERT_TRUE(change("high", R"({"content":{"deviceContent":{"properties.desired.a":2,
        "properties.desired.b":2}},"priority":0,"targetCondition":"*"})"));
    EXPECT_EQ(desired("d1"), R"({"a":1,"b":2})");
    EXPECT_EQ(statuses("d1"), "high=Applied low=Applied");
    ASSERT_TRUE(remove("low"));
    EXPECT_EQ(desired("d1"), R"({"a":2,"b":2})");
    EXPECT_EQ(statuses("d1"), "high=Applied");
    // The values of the last one stay.
    ASSERT_TRUE(remove("high"));
    EXPECT_EQ(desired("d1"), R"({"a":2,"b":2})");
    EXPECT_EQ(statuses("d1"), "");
    EXPECT_EQ(remove("high").error().code, Code::configuration_not_found);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(ConfigurationsTest, ANewConditionLeavesTheOldTwinsAndTakesTheNewOnes) {
    for (const char* name : {"d1", "d2"}) hub.create(spec_of(name));
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("c1", a_is_1));
    ASSERT_TRUE(change("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
        "targetCondition":"deviceId = 'd2'"})"));
    EXPECT_EQ(desired("d1"), "{}");
    EXPECT_EQ(statuses("d1"), "");
    EXPECT_EQ(desired("d2"), R"({"a":1})");
}

TEST_F(ConfigurationsTest, AreTheAuthorsOfWhatTheyDo) {
    hub.create(spec_of("d1"));
    ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
        "targetCondition":"*"})"));
    std::vector<Author> authors;
    const auto cursor = hub.engine().scan(store::Family::changes, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto opened = store::open(store::Kind::change, change_record_format, "changes",
                                        cursor->key(), cursor->value());
        const ChangeRecord record = decode_change_record(opened->body).value();
        if (record.kind == ChangeKind::twin) authors.push_back(record.author);
    }
    ASSERT_EQ(authors.size(), 1u);
    EXPECT_EQ(authors[0].cause, Cause::configuration);
    EXPECT_EQ(authors[0].principal, "system:configuration/c1@1");
    const auto work = work_of(authors[0].principal);
    ASSERT_TRUE(work);
    EXPECT_EQ(work->id, "c1");
    EXPECT_EQ(work->version, "1");
    EXPECT_EQ(authors[0].on_behalf_of, "iothubowner");
}

TEST_F(ConfigurationsTest, SayWhenTheyBeginAndWhenAllTwinsAreUpToThem) {
    hub.create(spec_of("d1"));
    {
        HeardEvents heard(hub, configurations().events());
        ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
            "targetCondition":"*","priority":3})"));
        hub.tick();
        EXPECT_THAT(heard.kinds(),
                    ::testing::ElementsAre("configurationStarted", "configurationCompleted"));
        EXPECT_EQ(desired("d1"), R"({"a":1})");
        EXPECT_EQ(heard.last().at("configuration"), "c1");
        EXPECT_EQ(heard.last().at("version"), 1);
        EXPECT_EQ(heard.last().at("priority"), 3);
        EXPECT_EQ(heard.last().at("by").at("principal"), "iothubowner");
        ASSERT_TRUE(remove("c1"));
        hub.tick();
        EXPECT_EQ(heard.kinds().size(), 4u);
        EXPECT_EQ(heard.last().at("removed"), true);
        ASSERT_TRUE(put("c2", a_is_1));
        hub.tick();
    }
    // A start is no change.
    ASSERT_TRUE(hub.restart());
    HeardEvents heard(hub, configurations().events());
    hub.tick();
    EXPECT_TRUE(heard.kinds().empty());
}

TEST_F(ConfigurationsTest, AreMadeAndChangedAsTheirEtagSays) {
    const auto made = put("c1", a_is_1);
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->etag(), base64_encode("1"));
    EXPECT_EQ(put("c1", a_is_1).error().code, Code::configuration_already_exists);
    EXPECT_EQ(put("c1", a_is_1, match_of("other")).error().code, Code::precondition_failed);
    EXPECT_EQ(change("c2", a_is_1).error().code, Code::configuration_not_found);
    const auto changed = put("c1", a_is_1, match_of((*made)->etag()));
    ASSERT_TRUE(changed);
    EXPECT_EQ((*changed)->etag(), base64_encode("2"));
    EXPECT_EQ((*changed)->revision, (*made)->revision);
    EXPECT_EQ(remove("c1", match_of((*made)->etag())).error().code, Code::precondition_failed);
    EXPECT_TRUE(remove("c1", match_of((*changed)->etag())));
    EXPECT_EQ(configurations().get("c1").error().code, Code::configuration_not_found);
}

TEST_F(ConfigurationsTest, AreRefusedWithWhatIsWrong) {
    const auto code = [this](std::string_view body) {
        const auto made = put("c1", body);
        return made ? Code::internal : made.error().code;
    };
    EXPECT_EQ(code(R"({"content":{"deviceContent":{}},"targetCondition":"tags.a ="})"),
              Code::configuration_target_invalid);
    EXPECT_EQ(code(R"({"content":{"deviceContent":{}},"metrics":{"queries":{"m":"select *"}}})"),
              Code::configuration_metric_invalid);
    json::object queries;
    for (int i = 0; i < 6; ++i) queries["m" + std::to_string(i)] = "select deviceId from devices";
    EXPECT_EQ(code(to_text(json::object{{"content", object(R"({"deviceContent":{}})")},
                                        {"metrics", json::object{{"queries", queries}}}})),
              Code::configuration_metric_invalid);
    EXPECT_TRUE(configurations().list().empty());
}

TEST_F(ConfigurationsTest, AreNoMoreThanTheHubAllows) {
    hub.settings().configurations.count_max = 2;
    ASSERT_TRUE(hub.restart());
    EXPECT_TRUE(put("c1", a_is_1) && put("c2", a_is_1));
    EXPECT_EQ(put("c3", a_is_1).error().code, Code::too_many_configurations);
    EXPECT_TRUE(change("c2", a_is_1));
}

TEST_F(ConfigurationsTest, KeepTheirFirstContentOrRefuseAnother) {
    ASSERT_TRUE(put("c1", a_is_1));
    const std::string other =
        R"({"content":{"deviceContent":{"properties.desired.a":2}},"priority":5})";
    const auto kept = change("c1", other);
    ASSERT_TRUE(kept);
    EXPECT_EQ((*kept)->content.settings.at(0).value, json::value(1));
    EXPECT_EQ((*kept)->priority, 5);
    hub.settings().configurations.strict_content = true;
    ASSERT_TRUE(hub.restart());
    EXPECT_EQ(change("c1", other).error().code, Code::configuration_content_immutable);
}

TEST_F(ConfigurationsTest, CountWhatTheirMetricsAskFor) {
    for (const char* name : {"d1", "d2", "d3"}) hub.create(spec_of(name));
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
        "targetCondition":"tags.site='x'","metrics":{"queries":{
        "all":"select deviceId from devices","two":"select top 2 deviceId from devices",
        "sites":"select tags.site, count() as n from devices group by tags.site"}}})"));
    EXPECT_EQ(configurations().results("c1"), nullptr);
    hub.tick();
    hub.tick(2s);
    const auto results = configurations().results("c1");
    ASSERT_NE(results, nullptr);
    EXPECT_EQ(results->system,
              (std::map<std::string, std::uint64_t>{{"appliedCount", 1}, {"targetedCount", 1}}));
    EXPECT_EQ(results->custom,
              (std::map<std::string, std::uint64_t>{{"all", 3}, {"sites", 2}, {"two", 2}}));
    hub.create(spec_of("d4"));
    hub.tick_for(30s);
    EXPECT_EQ(configurations().results("c1")->custom.at("all"), 3u);
    hub.tick_for(5min);
    EXPECT_EQ(configurations().results("c1")->custom.at("all"), 4u);
    ASSERT_TRUE(remove("c1"));
    EXPECT_EQ(configurations().results("c1"), nullptr);
}

TEST_F(ConfigurationsTest, TestConditionsAndMetricsWithoutKeepingThem) {
    const ConditionTest tested = configurations().test(
        "tags.a = ", {{"good", "select deviceId from devices"}, {"bad", "select from"}});
    EXPECT_FALSE(tested.target_condition.empty());
    EXPECT_EQ(tested.metrics.size(), 1u);
    EXPECT_TRUE(tested.metrics.contains("bad"));
    for (const char* good : {"*", "", "tags.a = 1", "from devices.modules where moduleId = 'm'"})
        EXPECT_EQ(configurations().test(good, {}).target_condition, "") << good;
}

TEST_F(ConfigurationsTest, ATwinWithoutRoomIsOnlyTargeted) {
    hub.create(spec_of("d1"));
    std::string values;
    for (int i = 0; i < 7; ++i)
        values +=
            (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"" + std::string(4090, 'x') + "\"";
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"properties":{"desired":{)" + values + "}}}"));
    const auto versions = hub.view(id_of("d1")).twin.versions;
    ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":")" +
                              std::string(4000, 'y') + R"("}},"targetCondition":"*"})"));
    ASSERT_TRUE(put("c2", R"({"content":{"deviceContent":{"properties.desired.b":")" +
                              std::string(4000, 'y') + R"("}},"targetCondition":"*"})"));
    EXPECT_EQ(hub.view(id_of("d1")).twin.versions.desired, versions.desired + 1);
    EXPECT_EQ(statuses("d1"), "c1=Applied c2=Targeted");
    EXPECT_EQ(hub.metrics().configurations.twins_too_full.Value(), 1);
}

// --- modules and deployments --------------------------------------------------------------------

TEST_F(ConfigurationsTest, OfModulesSetModules) {
    hub.create(spec_of("d1"));
    hub.create(spec_of("d1", "m1"));
    hub.create(spec_of("d1", "m2"));
    ASSERT_TRUE(put("c1", R"({"content":{"moduleContent":{"properties.desired.a":1}},
        "targetCondition":"from devices.modules where moduleId = 'm1'"})"));
    EXPECT_EQ(desired(id_of("d1", "m1")), R"({"a":1})");
    EXPECT_EQ(statuses(id_of("d1", "m1")), "c1=Applied");
    EXPECT_EQ(desired(id_of("d1", "m2")), "{}");
    EXPECT_EQ(desired("d1"), "{}");
}

const std::string base_deployment = R"({"content":{"modulesContent":{
    "$edgeAgent":{"properties.desired":{"modules":{"filter":{"status":"running"}}}},
    "$edgeHub":{"properties.desired":{"routes":{}}},
    "sensor":{"properties.desired":{"rate":5}}}},"priority":5,"targetCondition":"tags.site='x'"})";

TEST_F(ConfigurationsTest, ADeploymentMakesTheModulesOfEdgeDevices) {
    hub.create(edge_spec("e1"));
    hub.create(spec_of("d1"));
    for (const char* name : {"e1", "d1"}) hub.patch(id_of(name), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("base", base_deployment));
    hub.tick();
    EXPECT_EQ(desired(id_of("e1", "sensor")), R"({"rate":5})");
    EXPECT_EQ(desired(id_of("e1", "$edgeAgent")), R"({"modules":{"filter":{"status":"running"}}})");
    EXPECT_EQ(statuses(id_of("e1", "$edgeAgent")), "base=Applied");
    EXPECT_TRUE(hub.run(hub.registry().get(id_of("e1", "filter"))));
    EXPECT_FALSE(hub.run(hub.registry().get(id_of("d1", "sensor"))));

    ASSERT_TRUE(put("layer", R"({"content":{"modulesContent":{"$edgeAgent":{
        "properties.desired.modules.extra":{"status":"running"}}}},"priority":6,
        "targetCondition":"tags.site='x'"})"));
    ASSERT_TRUE(put("below", R"({"content":{"modulesContent":{"$edgeAgent":{
        "properties.desired.modules.low":{"status":"running"}}}},"priority":1,
        "targetCondition":"*"})"));
    hub.tick();
    EXPECT_EQ(statuses(id_of("e1", "$edgeAgent")), "base=Applied below=Targeted layer=Applied");
    EXPECT_EQ(desired(id_of("e1", "$edgeAgent")),
              R"({"modules":{"extra":{"status":"running"},"filter":{"status":"running"}}})");

    // The device says for whom they are.
    hub.patch(id_of("e1"), R"({"tags":{"site":"y"}})");
    hub.tick();
    EXPECT_EQ(statuses(id_of("e1", "$edgeAgent")), "below=Targeted");
    EXPECT_EQ(desired(id_of("e1", "$edgeAgent")), "{}");
    EXPECT_EQ(desired(id_of("e1", "sensor")), "{}");
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(ConfigurationsTest, OfTwoWholeDeploymentsTheHigherOneAppliesAlone) {
    hub.create(edge_spec("e1"));
    hub.patch(id_of("e1"), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("base", base_deployment));
    ASSERT_TRUE(put("other", R"({"content":{"modulesContent":{"$edgeAgent":{
        "properties.desired":{"modules":{}}}}},"priority":9,"targetCondition":"*"})"));
    hub.tick();
    EXPECT_EQ(statuses(id_of("e1", "$edgeAgent")), "base=Targeted other=Applied");
    EXPECT_EQ(desired(id_of("e1", "$edgeAgent")), R"({"modules":{}})");
    EXPECT_EQ(desired(id_of("e1", "sensor")), "{}");
}

TEST_F(ConfigurationsTest, AContentIsAppliedToOneEdgeDeviceAtOnce) {
    hub.create(edge_spec("e1"));
    hub.create(spec_of("d1"));
    hub.create(spec_of("e1", "old"));
    hub.patch(id_of("e1", "$edgeAgent"), R"({"properties":{"desired":{"gone":1}}})");
    const auto apply = [this](std::string_view device, std::string_view text) {
        return hub.run(configurations().apply_content(
            DeviceId::parse(device).value(), parse_content(object(text)).value(), author_of()));
    };
    const std::string content = R"({"modulesContent":{
        "$edgeAgent":{"properties.desired":{"modules":{"filter":{}}},
                      "properties.desired.modules.late":{"status":"running"}},
        "sensor":{"properties.desired.rate":5}}})";
    ASSERT_TRUE(apply("e1", content));
    EXPECT_EQ(desired(id_of("e1", "$edgeAgent")),
              R"({"modules":{"filter":{},"late":{"status":"running"}}})");
    EXPECT_EQ(desired(id_of("e1", "sensor")), R"({"rate":5})");
    EXPECT_TRUE(hub.run(hub.registry().get(id_of("e1", "filter"))));
    EXPECT_FALSE(hub.run(hub.registry().get(id_of("e1", "old"))));
    EXPECT_EQ(apply("d1", content).error().code, Code::argument_invalid);
    EXPECT_EQ(apply("nobody", content).error().code, Code::device_not_found);
    ASSERT_TRUE(apply("e1", R"({"deviceContent":{"properties.desired.x":1}})"));
    EXPECT_EQ(desired("e1"), R"({"x":1})");

    hub.hold();
    const auto first = hub.begin(configurations().apply_content(
        DeviceId::parse("e1").value(), parse_content(object(content)).value(), author_of()));
    hub.turn_loops();
    const auto second = hub.begin(configurations().apply_content(
        DeviceId::parse("e1").value(), parse_content(object(content)).value(), author_of()));
    while (hub.turn_loops()) {}
    ASSERT_TRUE(second.there());
    EXPECT_EQ(second.get().error().code, Code::configuration_being_applied);
    hub.release();
    hub.settle();
    EXPECT_TRUE(first.get());
}

TEST_F(ConfigurationsTest, TellWhatTheyDoInTheFleet) {
    for (const char* name : {"d1", "d2", "d3"}) hub.create(spec_of(name));
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("low", R"({"content":{"deviceContent":{"properties.desired.a.b":1}},
        "targetCondition":"*"})"));
    ASSERT_TRUE(put("high", R"({"content":{"deviceContent":{"properties.desired.a":{"c":1}}},
        "priority":3,"targetCondition":"tags.site='x'"})"));
    const auto effect = hub.run(configurations().effect("low", "p", [] { return true; }));
    ASSERT_TRUE(effect) << effect.error().message;
    EXPECT_EQ(effect->targeted, 3u);
    EXPECT_EQ(effect->applied, 2u);
    EXPECT_EQ(std::accumulate(effect->states.begin(), effect->states.end(), 0u), 3u);
    ASSERT_EQ(effect->overlaps.size(), 1u);
    EXPECT_EQ(effect->overlaps[0].path, "properties.desired.a.b");
    EXPECT_EQ(effect->overlaps[0].with, "high");
    EXPECT_EQ(effect->overlaps[0].wins, "high");
    EXPECT_EQ(effect->overlaps[0].twins, 1u);
    EXPECT_FALSE(hub.run(configurations().effect("none", "p", [] { return true; })));
}

// --- trouble ------------------------------------------------------------------------------------

TEST_F(ConfigurationsTest, GoOnAfterALostCommit) {
    for (int i = 0; i < 20; ++i) hub.create(spec_of("d" + std::to_string(i)));
    hub.hold();
    const auto made = hub.begin(putting("c1", R"({"content":{"deviceContent":{
        "properties.desired.a":1}},"targetCondition":"*"})"));
    hub.turn_loops();
    hub.commit();  // the configuration itself
    hub.engine().fail_commits(1, Fault::refused);
    hub.release();
    hub.settle();
    ASSERT_TRUE(made.get());
    EXPECT_LT(query("select deviceId from devices where properties.desired.a = 1").size(), 20u);
    hub.tick(2s);
    hub.tick(2s);
    EXPECT_EQ(
        query("select deviceId from devices where configurations.[[c1]].status = 'Applied'").size(),
        20u);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(ConfigurationsTest, GoOnWhereACrashCutThemOff) {
    for (int i = 0; i < 40; ++i) hub.create(spec_of("d" + std::to_string(i)));
    hub.hold();
    const auto made = hub.begin(putting("c1", R"({"content":{"deviceContent":{
        "properties.desired.a":1}},"targetCondition":"*"})"));
    hub.turn_loops();
    hub.commit();
    hub.turn_loops();
    ASSERT_TRUE(hub.crash());
    hub.release();
    ASSERT_EQ(configurations().list().size(), 1u);
    hub.tick();
    EXPECT_EQ(query("select deviceId from devices where properties.desired.a = 1").size(), 40u);
    const double settled = hub.metrics().configurations.twins_settled.Value();
    // A start with nothing to do looks at no twin.
    ASSERT_TRUE(hub.restart());
    hub.tick();
    hub.tick();
    EXPECT_EQ(hub.metrics().configurations.twins_settled.Value(), settled);
    EXPECT_EQ(statuses("d7"), "c1=Applied");
}

TEST_F(ConfigurationsTest, FindWhatChangedJustBeforeACrash) {
    for (const char* name : {"d1", "d2", "e1"}) {
        IdentitySpec spec = spec_of(name);
        spec.iot_edge = spec.id.device.text() == "e1";
        hub.create(std::move(spec));
    }
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})");
    hub.patch(id_of("e1"), R"({"tags":{"site":"x"}})");
    ASSERT_TRUE(put("c1", a_is_1));
    ASSERT_TRUE(put("base", base_deployment));
    hub.tick();
    hub.patch(id_of("d1"), R"({"tags":{"site":"y"}})");
    hub.patch(id_of("d2"), R"({"tags":{"site":"x"}})");
    hub.patch(id_of("e1"), R"({"tags":{"site":"y"}})");
    ASSERT_TRUE(hub.crash(1));
    hub.tick();
    hub.tick();
    EXPECT_EQ(desired("d1"), "{}");
    EXPECT_EQ(statuses("d1"), "");
    EXPECT_EQ(desired("d2"), R"({"a":1})");
    EXPECT_EQ(statuses(id_of("e1", "$edgeAgent")), "");
    EXPECT_EQ(desired(id_of("e1", "sensor")), "{}");
}

TEST_F(ConfigurationsTest, RememberThroughARestartWhatTheyContributed) {
    hub.create(spec_of("d1"));
    hub.patch(id_of("d1"), R"({"tags":{"site":"x"},"properties":{"desired":{"own":1}}})");
    ASSERT_TRUE(put("c1", a_is_1));
    ASSERT_TRUE(hub.restart(1));
    EXPECT_EQ(statuses("d1"), "c1=Applied");
    hub.patch(id_of("d1"), R"({"tags":{"site":"y"}})");
    hub.tick();
    EXPECT_EQ(desired("d1"), R"({"own":1})");
    ASSERT_TRUE(put("c2", a_is_1));
}

TEST_F(ConfigurationsTest, ADeletionGoesOnAfterACrash) {
    hub.settings().configurations.remove_on_delete = true;
    ASSERT_TRUE(hub.restart());
    for (int i = 0; i < 10; ++i) hub.create(spec_of("d" + std::to_string(i)));
    ASSERT_TRUE(put("c1", R"({"content":{"deviceContent":{"properties.desired.a":1}},
        "targetCondition":"*"})"));
    hub.hold();
    const auto gone = hub.begin(configurations().remove("c1", {}, author_of()));
    hub.turn_loops();
    hub.commit();
    ASSERT_TRUE(hub.crash());
    hub.release();
    ASSERT_TRUE(configurations().list().empty());
    hub.tick();
    EXPECT_TRUE(query("select deviceId from devices where is_defined(configurations)").empty());
    EXPECT_TRUE(query("select deviceId from devices where properties.desired.a = 1").empty());
}

}  // namespace
}  // namespace twinhub::hub
