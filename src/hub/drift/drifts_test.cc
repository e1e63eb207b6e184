#include "hub/drift/drifts.h"

#include "hub/configurations/configurations.h"
#include "hub/testing/histories.h"
#include "hub/testing/registry_calls.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using testing::id_of;
using testing::spec_of;
using testing::TestHub;
using DriftState = twin::drift::State;

struct Fleet {
    TestHub hub;

    void create(const std::string& name, const std::string& tags) {
        hub.create(spec_of(name));
        ASSERT_TRUE(hub.patch(id_of(name),
                              R"({"tags":)" + tags + R"(,"properties":{"desired":{"p":1}}})", {},
                              "wish-" + name));
    }
    void tell(const std::string& name, std::string_view reported) {
        const auto answer = hub.begin_report(id_of(name), reported);
        hub.settle();
        ASSERT_TRUE(answer.get());
    }
};

TEST(Drifts, SummaryIsTheSameFromCountersAndFromAQuery) {
    Fleet fleet;
    for (int i = 0; i < 9; ++i) {
        const std::string name = "d" + std::to_string(i);
        fleet.create(name, "{}");
        if (i % 3 == 0) fleet.tell(name, R"({"p":1})");
        if (i % 3 == 1) fleet.tell(name, R"({"p":2})");
    }
    const auto kept = fleet.hub.run(fleet.hub.hub().drifts().summary("", {.principal = "p"}));
    const auto asked =
        fleet.hub.run(fleet.hub.hub().drifts().summary("IS_DEFINED(deviceId)", {.principal = "p"}));
    ASSERT_TRUE(kept && asked);
    EXPECT_EQ(kept->counts.devices, asked->counts.devices);
    EXPECT_EQ(kept->counts.devices[index_of(DriftState::converged)], 3);
    EXPECT_EQ(kept->counts.devices[index_of(DriftState::drifted)], 3);
    EXPECT_EQ(kept->counts.devices[index_of(DriftState::offline)], 3);
    EXPECT_EQ(kept->shards, 2u);
}

TEST(Drifts, KnowsWhoAskedThroughLaterChangesAndARestart) {
    Fleet fleet;
    fleet.create("d", "{}");
    ASSERT_TRUE(fleet.hub.patch(id_of("d"), R"({"properties":{"desired":{"q":1}}})", {}, "other"));
    fleet.tell("d", R"({"battery":5})");
    fleet.hub.tick_for(std::chrono::seconds{10});
    ASSERT_TRUE(fleet.hub.restart());
    const auto drift = fleet.hub.run(fleet.hub.hub().drifts().of(id_of("d")));
    ASSERT_TRUE(drift);
    ASSERT_EQ(drift->assessment.properties.size(), 2u);
    const auto by = [&](std::size_t i) {
        const auto& property = drift->assessment.properties[i];
        return drift->wishes.at(property.verdict.desired_version).author.request_id;
    };
    EXPECT_EQ(by(0), "wish-d");
    EXPECT_EQ(by(1), "other");
    EXPECT_EQ(drift->since, drift->view.presence.connection_state_updated > never
                                ? drift->since
                                : drift->wishes.begin()->second.at);
}

std::string put_configuration(Fleet& fleet, std::string_view id, std::string_view body) {
    const auto made = fleet.hub.run(fleet.hub.hub().configurations().put(
        read_configuration(id, parse_json(body).value().as_object()).value(), {},
        testing::author_of("order")));
    return made ? (*made)->etag() : made.error().message;
}

std::string wanted(const TwinDrift& drift, const std::string& path) {
    const auto found = drift.wanted.find(path);
    std::string text;
    if (found == drift.wanted.end()) return text;
    for (const WantedBy& each : found->second)
        text += fmt::format("{}{} {} {}{}", text.empty() ? "" : ", ", each.configuration,
                            each.priority, to_text(each.value), each.wins ? " wins" : "");
    return text;
}

TEST(Drifts, NamesTheConfigurationsThatWantAProperty) {
    Fleet fleet;
    fleet.create("d", R"({"site":"x"})");
    for (const auto& [id, body] :
         {std::pair("base", R"({"priority":1,"targetCondition":"*","content":{"deviceContent":{
                 "properties.desired.cam":{"fps":10,"mode":"day","old":null}}}})"),
          std::pair("site", R"({"priority":5,"targetCondition":"tags.site='x'","content":{
                 "deviceContent":{"properties.desired.cam.fps":30}}})"),
          std::pair("other", R"({"priority":9,"targetCondition":"tags.site='y'","content":{
                 "deviceContent":{"properties.desired.cam.fps":60}}})"),
          std::pair("modules", R"({"priority":9,"targetCondition":"from devices.modules where true",
                 "content":{"moduleContent":{"properties.desired.cam.fps":60}}})")})
        ASSERT_FALSE(put_configuration(fleet, id, body).contains(' '));
    fleet.hub.tick();
    const auto drift = fleet.hub.run(fleet.hub.hub().drifts().of(id_of("d")));
    ASSERT_TRUE(drift);
    EXPECT_EQ(wanted(*drift, "cam.fps"), "site 5 30 wins, base 1 10");
    EXPECT_EQ(wanted(*drift, "cam.mode"), "base 1 \"day\" wins");
    EXPECT_EQ(wanted(*drift, "p"), "");
    for (const auto& property : drift->assessment.properties) {
        if (property.path != "cam.fps") continue;
        const Author& by = drift->wishes.at(property.verdict.desired_version).author;
        EXPECT_EQ(by.principal, "system:configuration/site@1");
        EXPECT_EQ(by.on_behalf_of, "iothubowner");
    }
}

TEST(Drifts, ShowsADeploymentThatHasToStandBack) {
    Fleet fleet;
    IdentitySpec spec = spec_of("e");
    spec.iot_edge = true;
    fleet.hub.create(std::move(spec));
    const auto deployment = [](int priority, int speed) {
        return fmt::format(
            R"({{"priority":{},"targetCondition":"*","content":{{"modulesContent":{{
                "$edgeAgent":{{"properties.desired":{{"modules":{{}}}}}},
                "fan":{{"properties.desired":{{"speed":{}}}}}}}}}}})",
            priority, speed);
    };
    ASSERT_FALSE(put_configuration(fleet, "low", deployment(1, 10)).contains(' '));
    ASSERT_FALSE(put_configuration(fleet, "high", deployment(2, 20)).contains(' '));
    fleet.hub.tick();
    const auto drift = fleet.hub.run(fleet.hub.hub().drifts().of(id_of("e", "fan")));
    ASSERT_TRUE(drift) << drift.error().message;
    EXPECT_EQ(wanted(*drift, "speed"), "high 2 20 wins, low 1 10");
}

TEST(Drifts, RefusesConditionsThatAreNone) {
    Fleet fleet;
    for (const char* where : {"tags.", "* GROUP BY tags.a", "from devices.modules where true"}) {
        const auto refused =
            fleet.hub.run(fleet.hub.hub().drifts().summary(where, {.principal = "p"}));
        ASSERT_FALSE(refused) << where;
        EXPECT_EQ(refused.error().code, Code::argument_invalid);
        EXPECT_EQ(refused.error().where, "where");
    }
}

TEST(Drifts, SkipsWhatOnlyNamesDevicesAndWhatDrifted) {
    Fleet fleet;
    for (int i = 0; i < 60; ++i) {
        const std::string name = "d" + std::to_string(i);
        fleet.create(name, R"({"serial":"s)" + std::to_string(i) + R"("})");
        fleet.tell(name, i % 2 == 0 ? R"({"p":1,"fw":"a"})" : R"({"p":2,"fw":"b"})");
    }
    const auto why = fleet.hub.run(fleet.hub.hub().drifts().why({}, {.principal = "p"}));
    ASSERT_TRUE(why) << why.error().message;
    EXPECT_EQ(why->set, 30u);
    EXPECT_EQ(why->baseline, 30u);
    ASSERT_EQ(why->skipped.size(), 2u);
    EXPECT_EQ(why->skipped[0].path, "tags.serial");
    EXPECT_EQ(why->skipped[0].why, "identifier");
    EXPECT_EQ(why->skipped[1].path, "properties.reported.p");
    EXPECT_EQ(why->skipped[1].why, "drifted itself");
    ASSERT_EQ(why->factors.size(), 1u);
    EXPECT_EQ(why->factors[0].path, "properties.reported.fw");
    EXPECT_EQ(why->factors[0].value, json::value("b"));
    EXPECT_EQ(why->factors[0].score, 1.0);
}

}  // namespace
}  // namespace twinhub::hub
