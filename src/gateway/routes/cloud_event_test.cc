#include "gateway/routes/cloud_event.h"

#include "base/json.h"
#include "hub/events/passing_events.h"
#include "hub/notice.h"

#include <gmock/gmock.h>

namespace twinhub::gateway {
namespace {

using ::testing::Contains;
using ::testing::Pair;

json::value value(std::string_view text) { return parse_json(text).value(); }

hub::HubEvent event_of() {
    hub::HubEvent event;
    event.id = "7.12";
    event.kind = "updateTwin";
    event.twin = {DeviceId::parse("chiller-01").value(), ModuleId::parse("m").value()};
    event.at = parse_instant("2026-02-28T10:00:00.51Z").value();
    event.sequence = 12;
    event.system = {{"content-type", "application/json"}};
    event.application = {{"opType", "updateTwin"}, {"twice", "a"}, {"twice", "b"}};
    event.body = R"({"version":6})";
    return event;
}

json::value shown(const hub::HubEvent& event) {
    std::string text;
    append_cloud_event(text, event, "hub.example.com");
    return value(text);
}

TEST(CloudEvent, HasItsAttributesAndTheEventAsItsData) {
    EXPECT_EQ(shown(event_of()),
              value(R"({"specversion":"1.0","id":"7.12","source":"https://hub.example.com",
                  "type":"twinhub.twin.updated","subject":"devices/chiller-01/modules/m",
                  "time":"2026-02-28T10:00:00.51Z","partitionkey":"chiller-01",
                  "sequence":"00000000000000000012","datacontenttype":"application/json",
                  "data":{"properties":{"opType":"updateTwin","twice":"b"},
                          "systemProperties":{"content-type":"application/json"},
                          "body":{"version":6}}})"));
}

TEST(CloudEvent, HasTheSameDataInEveryMode) {
    const hub::HubEvent event = event_of();
    EXPECT_EQ(value(cloud_event_data(event)), shown(event).at("data"));
    const OutgoingHeaders headers = cloud_event_attributes(event, "hub.example.com", "ce-");
    EXPECT_THAT(headers, Contains(Pair("ce-id", "7.12")));
    EXPECT_THAT(headers, Contains(Pair("ce-subject", "devices/chiller-01/modules/m")));
    EXPECT_EQ(headers.size(), shown(event).as_object().size() - 2);
}

TEST(CloudEvent, CarriesAnyBytesOfADevice) {
    const auto data = [](std::string payload, std::string type) {
        const hub::DeviceEvent message{.id = {DeviceId::parse("d").value(), {}},
                                       .at = {},
                                       .properties = {{"$.ct", std::move(type)}, {"odd", "\xff"}},
                                       .payload = std::move(payload)};
        return value(
            cloud_event_data(hub::event_of(message, hub::EventSource::messages, "id", "hub")));
    };
    EXPECT_EQ(data(R"( {"a" : 1} )", "application/json").at("body"), value(R"({"a":1})"));
    EXPECT_EQ(data("{\"a\":", "application/json").at("bodyBase64").as_string(), "eyJhIjo=");
    EXPECT_EQ(data(std::string("\0\xff", 2), "").at("bodyBase64").as_string(), "AP8=");
    EXPECT_EQ(data("x", "").at("properties").at("odd").as_string(), "\xEF\xBF\xBD");
}

TEST(CloudEvent, HasATypeForEveryKind) {
    hub::HubEvent event = event_of();
    for (const auto& [kind, type] : {std::pair("replaceTwin", "twinhub.twin.replaced"),
                                     std::pair("createDeviceIdentity", "twinhub.device.created"),
                                     std::pair("deleteDeviceIdentity", "twinhub.device.deleted"),
                                     std::pair("driftChanged", "twinhub.drift.changed"),
                                     std::pair("deviceConnected", "twinhub.device.connected"),
                                     std::pair("deviceDisconnected", "twinhub.device.disconnected"),
                                     std::pair("jobStarted", "twinhub.job.started"),
                                     std::pair("rolloutRolledBack", "twinhub.rollout.rolledBack"),
                                     std::pair("telemetry", "twinhub.device.telemetry"),
                                     std::pair("other", "twinhub.other")}) {
        event.kind = kind;
        EXPECT_EQ(cloud_event_type(event), type);
    }
}

TEST(CloudEvent, OfAPieceOfWorkNamesIt) {
    for (const auto& [property, subject] :
         {std::pair("jobId", "jobs/w 1"), std::pair("rollout", "rollouts/w 1"),
          std::pair("configuration", "configurations/w 1")}) {
        const auto notice = hub::make_notice({"jobStarted", "jobEvents", "jobNotification"},
                                             {property, "w 1"}, Instant{}, "{}");
        const json::value event =
            shown(hub::event_of(*notice, hub::EventSource::jobs, "id", "hub"));
        EXPECT_EQ(event.at("subject"), subject);
        EXPECT_EQ(event.at("partitionkey"), subject);
        EXPECT_EQ(event.at("type"), "twinhub.job.started");
        EXPECT_EQ(event.at("data").at("properties").at(property), "w 1");
        EXPECT_FALSE(event.at("data").at("properties").as_object().contains("deviceId"));
        EXPECT_FALSE(event.at("data")
                         .at("systemProperties")
                         .as_object()
                         .contains("iothub-connection-device-id"));
    }
}

}  // namespace
}  // namespace twinhub::gateway
