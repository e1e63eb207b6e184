#include "twin/view.h"

#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

namespace twinhub::twin {
namespace {

using testing::at;
using testing::value;

Instant time(const char* text) { return parse_instant(text).value(); }

std::string service_view(const IdentityFacts& identity, const Twin& twin) {
    std::string out;
    append_service_view(out, identity, twin);
    return out;
}
std::string device_view(const Twin& twin) {
    std::string out;
    append_device_view(out, twin);
    return out;
}
std::string section(const Twin& twin, Part part, Metadata metadata) {
    std::string out;
    append_section(out, twin, part, metadata);
    return out;
}

TEST(ServiceView, IsTheDocumentOfTheSpecification) {
    Twin twin = fresh(time("2026-02-28T09:00:00Z"));
    twin = testing::after(twin, R"({"properties":{"desired":{"stroke":{"rate":40}}}})",
                          time("2026-02-28T10:00:00.51Z"));
    twin = testing::after_report(twin, R"({"stroke":{"rate":40}})", time("2026-02-28T10:00:02Z"));
    twin = testing::after(twin, R"({"tags":{"hall":{"name":"west","bay":4}}})",
                          time("2026-02-28T11:00:00Z"));
    twin =
        testing::after_report(twin, R"({"dies":["a4","b1"]})", time("2026-03-01T08:12:44.0912Z"));
    twin.model_id = "dtmi:acme:Press;2";
    IdentityFacts identity;
    identity.device_id = "press-7";
    identity.device_etag = "NDgyMjAx";
    identity.connected = true;
    identity.last_activity_time = time("2026-03-01T08:12:44.0912Z");
    EXPECT_EQ(value(service_view(identity, twin)), value(R"({
  "deviceId": "press-7", "etag": "AAAAAAAAAAM=", "deviceEtag": "NDgyMjAx",
  "status": "enabled", "statusUpdateTime": "0001-01-01T00:00:00Z",
  "connectionState": "Connected", "lastActivityTime": "2026-03-01T08:12:44.0912Z",
  "cloudToDeviceMessageCount": 0, "authenticationType": "sas",
  "x509Thumbprint": {"primaryThumbprint": null, "secondaryThumbprint": null},
  "modelId": "dtmi:acme:Press;2", "version": 6,
  "tags": {"hall": {"name": "west", "bay": 4}},
  "properties": {
    "desired": {
      "stroke": {"rate": 40},
      "$metadata": {
        "$lastUpdated": "2026-02-28T10:00:00.51Z", "$lastUpdatedVersion": 2,
        "stroke": {"$lastUpdated": "2026-02-28T10:00:00.51Z", "$lastUpdatedVersion": 2,
          "rate": {"$lastUpdated": "2026-02-28T10:00:00.51Z", "$lastUpdatedVersion": 2}}},
      "$version": 2},
    "reported": {
      "stroke": {"rate": 40}, "dies": ["a4", "b1"],
      "$metadata": {
        "$lastUpdated": "2026-03-01T08:12:44.0912Z",
        "stroke": {"$lastUpdated": "2026-02-28T10:00:02Z", "rate": {"$lastUpdated": "2026-02-28T10:00:02Z"}},
        "dies": {"$lastUpdated": "2026-03-01T08:12:44.0912Z"}},
      "$version": 3}},
  "capabilities": {"iotEdge": false}
})"));
}

TEST(ServiceView, OfAFreshTwinHasNoTagsAndNoUpdatedVersion) {
    const std::string text = service_view({.device_id = "d", .device_etag = "e"}, fresh(at(0)));
    EXPECT_EQ(
        text,
        R"({"deviceId":"d","etag":"AAAAAAAAAAE=","deviceEtag":"e","status":"enabled",)"
        R"("statusUpdateTime":"0001-01-01T00:00:00Z","connectionState":"Disconnected",)"
        R"("lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authenticationType":"sas",)"
        R"("x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"modelId":"","version":2,)"
        R"("properties":{"desired":{"$metadata":{"$lastUpdated":"2023-11-14T22:13:20Z"},"$version":1},)"
        R"("reported":{"$metadata":{"$lastUpdated":"2023-11-14T22:13:20Z"},"$version":1}},)"
        R"("capabilities":{"iotEdge":false}})");
}

TEST(ServiceView, ShowsEveryFactOfTheIdentity) {
    const std::vector<std::string> parents{"ms-azure-iot-edge://p-1"};
    IdentityFacts identity;
    identity.device_id = R"(d"1)";
    identity.module_id = "m";
    identity.device_etag = "e";
    identity.enabled = false;
    identity.status_reason = "worn out";
    identity.status_update_time = at(0);
    identity.cloud_to_device_message_count = 3;
    identity.authentication_type = "selfSigned";
    identity.primary_thumbprint = "AB";
    identity.iot_edge = true;
    identity.device_scope = "ms-azure-iot-edge://d-2";
    identity.parent_scopes = parents;
    const json::object view = testing::object(service_view(identity, fresh(at(0))));
    EXPECT_EQ(view.at("deviceId"), R"(d"1)");
    EXPECT_EQ(view.at("moduleId"), "m");
    EXPECT_EQ(view.at("status"), "disabled");
    EXPECT_EQ(view.at("statusReason"), "worn out");
    EXPECT_EQ(view.at("statusUpdateTime"), "2023-11-14T22:13:20Z");
    EXPECT_EQ(view.at("cloudToDeviceMessageCount"), 3);
    EXPECT_EQ(view.at("authenticationType"), "selfSigned");
    EXPECT_EQ(view.at("x509Thumbprint"),
              value(R"({"primaryThumbprint":"AB","secondaryThumbprint":null})"));
    EXPECT_EQ(view.at("capabilities"), value(R"({"iotEdge":true})"));
    EXPECT_EQ(view.at("deviceScope"), "ms-azure-iot-edge://d-2");
    EXPECT_EQ(view.at("parentScopes"), value(R"(["ms-azure-iot-edge://p-1"])"));
}

TEST(DeviceView, HasBothSectionsWithTheirVersionsOnly) {
    EXPECT_EQ(device_view(fresh(at(0))), R"({"desired":{"$version":1},"reported":{"$version":1}})");
    const Twin twin = testing::twin_of(R"({"secret":1})", R"({"b":{},"a":"5m"})", R"({"x":[1.0]})");
    EXPECT_EQ(device_view(twin),
              R"({"desired":{"a":"5m","b":{},"$version":1},"reported":{"x":[1.0],"$version":1}})");
}

TEST(Section, OfTagsHasNeitherMetadataNorVersion) {
    const Twin twin = testing::twin_of(R"({"a":{"b":1}})", "{}");
    EXPECT_EQ(section(twin, Part::tags, Metadata::with), R"({"a":{"b":1}})");
    EXPECT_EQ(section(twin, Part::desired, Metadata::without), R"({"$version":1})");
}

TEST(Section, ShowsTheTimesOfEveryNode) {
    Twin twin = testing::after_report(fresh(never), R"({"a":1,"b":{"c":2}})", at(0));
    twin = testing::after_report(twin, R"({"a":3})", at(1));
    EXPECT_EQ(
        section(twin, Part::reported, Metadata::with),
        R"({"a":3,"b":{"c":2},"$metadata":{"$lastUpdated":"2023-11-14T22:13:21Z",)"
        R"("a":{"$lastUpdated":"2023-11-14T22:13:21Z"},"b":{"$lastUpdated":"2023-11-14T22:13:20Z",)"
        R"("c":{"$lastUpdated":"2023-11-14T22:13:20Z"}}},"$version":3})");
}

void assert_mirrors(const json::value& values, const json::object& metadata, bool versioned) {
    RC_ASSERT(metadata.contains("$lastUpdated"));
    RC_ASSERT(versioned || !metadata.contains("$lastUpdatedVersion"));
    std::size_t children = 0;
    if (values.is_object()) {
        for (const auto& member : values.get_object()) {
            if (member.key().starts_with('$')) continue;
            ++children;
            RC_ASSERT(metadata.contains(member.key()));
            assert_mirrors(member.value(), metadata.at(member.key()).as_object(), versioned);
        }
    }
    RC_ASSERT(metadata.size() == children + 1 + metadata.contains("$lastUpdatedVersion"));
}

RC_GTEST_PROP(Section, HasMetadataThatMirrorsItsTree, ()) {
    const Twin twin = testing::any_twin();
    for (const Part part : {Part::desired, Part::reported}) {
        const json::value shown = value(section(twin, part, Metadata::with));
        assert_mirrors(shown, shown.at("$metadata").as_object(), part == Part::desired);
    }
}

}  // namespace
}  // namespace twinhub::twin
