#include "hub/events/route.h"

#include "hub/events/passing_events.h"
#include "twin/testing/generators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using twin::testing::value;

DeviceEvent message_of(std::string payload,
                       std::vector<std::pair<std::string, std::string>> properties) {
    return {.id = {DeviceId::parse("d1").value(), ModuleId::parse("m1").value()},
            .at = parse_instant("2026-03-01T11:30:00.5Z").value(),
            .properties = std::move(properties),
            .payload = std::move(payload)};
}

Result<Route> route_of(std::string condition, std::vector<std::string> project = {}) {
    return Route::make({.name = "r",
                        .sources = {EventSource::messages, EventSource::drift},
                        .condition = std::move(condition),
                        .project = std::move(project),
                        .sink = "s",
                        .dead_letter = {}});
}

const DeviceEvent telemetry = message_of(R"({"temp":21.5,"place":{"Site":"EU"}})",
                                         {{"level", "hot"},
                                          {"$.ct", "application/json; charset=utf-8"},
                                          {"$.ce", "utf-8"},
                                          {"$.mid", "message-7"},
                                          {"$.sub", "thermostat"},
                                          {"$.unknown", "x"}});

Verdict judge(const char* condition, const DeviceEvent& message = telemetry) {
    HubEvent event = event_of(message, EventSource::messages, "id", "hub");
    const auto route = route_of(condition);
    EXPECT_TRUE(route) << condition << ": " << (route ? "" : route.error().message);
    return route ? route->judge(event, nullptr, message.at) : Verdict::leaves;
}

TEST(Routes, JudgeMessagesByTheirProperties) {
    EXPECT_EQ(judge(""), Verdict::takes);
    EXPECT_EQ(judge("level = 'hot'"), Verdict::takes);
    EXPECT_EQ(judge("LEVEL = 'cold'"), Verdict::leaves);
    EXPECT_EQ(judge("other = 'x'"), Verdict::cannot_say);
    EXPECT_EQ(judge("$messageId = 'message-7' AND $dt-subject = 'thermostat'"), Verdict::takes);
    EXPECT_EQ(judge("$connectionDeviceId = 'd1' AND $connectionModuleId = 'm1'"), Verdict::takes);
    EXPECT_EQ(judge("$iothub-message-source = 'deviceMessages'"), Verdict::takes);
    EXPECT_EQ(judge("$enqueuedTime >= '2026-03-01T11:30:00Z'"), Verdict::takes);
    EXPECT_EQ(judge("$body.temp > 21 AND $body.place.site = 'EU'"), Verdict::takes);
}

TEST(Routes, ReadABodyOnlyIfItsSenderSaysThatItIsJson) {
    const std::string body = R"({"temp":21.5})";
    EXPECT_EQ(judge("$body.temp > 21", message_of(body, {})), Verdict::cannot_say);
    EXPECT_EQ(judge("$body.temp > 21", message_of(body, {{"$.ct", "application/json"}})),
              Verdict::takes);
    EXPECT_EQ(judge("$body.temp > 21", message_of("{", {{"$.ct", "application/json"}})),
              Verdict::cannot_say);
    EXPECT_EQ(judge("$body.temp > 21",
                    message_of(body, {{"$.ct", "application/json"}, {"$.ce", "utf-16"}})),
              Verdict::cannot_say);
}

TEST(Routes, ProjectWhatGoesOn) {
    const auto route = route_of(
        "", {"$body.place.Site AS site", "$twin.tags.floor", "level", "$connectionDeviceId"});
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_TRUE(route->reads_twin());
    HubEvent event = event_of(telemetry, EventSource::messages, "id", "hub");
    const json::object twin = value(R"({"tags":{"floor":3}})").as_object();
    EXPECT_EQ(route->judge(event, &twin, telemetry.at), Verdict::takes);
    route->project(event, &twin);
    EXPECT_EQ(value(event.body),
              value(R"({"site":"EU","floor":3,"level":"hot","$connectionDeviceId":"d1"})"));
}

TEST(Routes, HearTheirSourcesAlone) {
    const auto route = route_of("");
    EXPECT_TRUE(route->hears(EventSource::drift));
    EXPECT_FALSE(route->hears(EventSource::twin_changes));
    EXPECT_TRUE(route->is_passing());
    EXPECT_FALSE(route->is_recorded());
}

TEST(Routes, RefuseWhatIsNoConditionAndNoProjection) {
    const auto condition = route_of("level =");
    ASSERT_FALSE(condition);
    EXPECT_EQ(condition.error().where, "condition");
    EXPECT_THAT(condition.error().message, HasSubstr("line 1, column 8"));
    const auto project = route_of("", {"a", "b +"});
    ASSERT_FALSE(project);
    EXPECT_EQ(project.error().where, "project");
}

TEST(EventSources, HaveTheNamesOfAzure) {
    EXPECT_EQ(parse_event_source("twinchangeevents"), EventSource::twin_changes);
    EXPECT_EQ(parse_event_source("DeviceMessages"), EventSource::messages);
    EXPECT_FALSE(parse_event_source("Everything"));
    EXPECT_EQ(name_of(EventSource::connection), "DeviceConnectionStateEvents");
}

TEST(PassingEvents, OfTheHubHaveItsProperties) {
    const DeviceEvent drift =
        message_of(R"({"path":"a"})", {{"opType", "driftChanged"},
                                       {"iothub-message-source", "driftChangeEvents"},
                                       {"deviceId", "d1"}});
    const HubEvent event = event_of(drift, EventSource::drift, "id-1", "hub");
    EXPECT_EQ(event.kind, "driftChanged");
    EXPECT_TRUE(event.is_json);
    EXPECT_THAT(event.application, Contains(Pair("hubName", "hub")));
    EXPECT_THAT(event.system, Contains(Pair("iothub-message-source", "driftChangeEvents")));
    EXPECT_THAT(event.system, Contains(Pair("correlation-id", "id-1")));
    EXPECT_THAT(event.system, Contains(Pair("iothub-enqueuedtime", "2026-03-01T11:30:00.5Z")));
}

}  // namespace
}  // namespace twinhub::hub
