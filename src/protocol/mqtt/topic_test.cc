#include "protocol/mqtt/topic.h"

#include "base/twin_id.h"
#include "protocol/mqtt/limits.h"
#include "protocol/mqtt/subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace twinhub::protocol::mqtt {
namespace {

using testing::ElementsAre;
using testing::Pair;

TwinId id(std::string_view client_id) { return parse_twin_id(client_id).value(); }

std::optional<DeviceTopic> parse(std::string_view topic, std::string_view client_id = "dev-01") {
    return parse_device_topic(topic, id(client_id));
}

TEST(Topic, OfAGetIsRead) {
    EXPECT_EQ(parse("$iothub/twin/GET/?$rid=5b1c-77"), DeviceTopic(GetTopic{"5b1c-77"}));
    EXPECT_EQ(parse("$iothub/twin/GET?$rid=1"), DeviceTopic(GetTopic{"1"}));
    EXPECT_EQ(parse("$iothub/twin/GET/?%24rid=1"), DeviceTopic(GetTopic{"1"}));
    EXPECT_EQ(parse("$iothub/twin/GET/?x=y&$rid=1&z"), DeviceTopic(GetTopic{"1"}));
    EXPECT_EQ(parse("$iothub/twin/GET/?$rid=a%20b?c=d"), DeviceTopic(GetTopic{"a%20b?c=d"}));
}

TEST(Topic, OfAReportIsRead) {
    EXPECT_EQ(parse("$iothub/twin/PATCH/properties/reported/?$rid=2"),
              DeviceTopic(ReportTopic{"2", {}}));
    EXPECT_EQ(parse("$iothub/twin/PATCH/properties/reported?$rid=2&$version=6"),
              DeviceTopic(ReportTopic{"2", 6}));
    EXPECT_EQ(parse("$iothub/twin/PATCH/properties/reported/?%24version=6&%24rid=2"),
              DeviceTopic(ReportTopic{"2", 6}));
}

TEST(Topic, WithAnUnreadableBaseVersionNeverMatches) {
    for (const char* version : {"", "x", "-1", "1.0", "18446744073709551616"})
        EXPECT_EQ(parse("$iothub/twin/PATCH/properties/reported/?$rid=2&$version=" +
                        std::string(version)),
                  DeviceTopic(ReportTopic{"2", std::numeric_limits<std::uint64_t>::max()}));
}

TEST(Topic, OfATwinRequestNeedsARid) {
    const std::string long_rid(rid_bytes_max + 1, 'r');
    for (const std::string_view topic :
         {"$iothub/twin/GET/", "$iothub/twin/GET/?", "$iothub/twin/GET/?$rid=",
          "$iothub/twin/GET/?rid=1", "$iothub/twin/GET/$rid=1", "$iothub/twin/get/?$rid=1",
          "$iothub/twin/GET/x?$rid=1", "$iothub/twin/PATCH/properties/reported/",
          "$iothub/twin/PATCH/properties/desired/?$rid=1", "$iothub/twin/?$rid=1"})
        EXPECT_FALSE(parse(topic)) << topic;
    EXPECT_FALSE(parse("$iothub/twin/GET/?$rid=" + long_rid));
    EXPECT_TRUE(parse("$iothub/twin/GET/?$rid=" + long_rid.substr(1)));
}

TEST(Topic, OfTelemetryIsTheOwnOneOnly) {
    EXPECT_EQ(parse("devices/dev-01/messages/events/"), DeviceTopic(TelemetryTopic{""}));
    EXPECT_EQ(parse("devices/dev-01/messages/events"), DeviceTopic(TelemetryTopic{""}));
    EXPECT_EQ(parse("devices/dev-01/messages/events/a=b"), DeviceTopic(TelemetryTopic{"a=b"}));
    EXPECT_EQ(parse("devices/dev-01/modules/m/messages/events/a=b", "dev-01/m"),
              DeviceTopic(TelemetryTopic{"a=b"}));
    EXPECT_EQ(parse("devices/a%20b/messages/events/", "a%20b"), DeviceTopic(TelemetryTopic{""}));
    const std::pair<const char*, const char*> refused[] = {
        {"devices/dev-02/messages/events/", "dev-01"},
        {"devices/dev-010/messages/events/", "dev-01"},
        {"devices/DEV-01/messages/events/", "dev-01"},
        {"devices/dev-01/messages/eventsx", "dev-01"},
        {"devices/dev-01/messages/devicebound/", "dev-01"},
        {"devices/dev-01/messages/events/", "dev-01/m"},
        {"devices/dev-01/modules/m/messages/events/", "dev-01"},
        {"devices/dev-01/modules/n/messages/events/", "dev-01/m"},
        {"devices/a b/messages/events/", "a%20b"},
        {"telemetry", "dev-01"},
        {"$dps/registrations/GET/", "dev-01"},
        {"$iothub/unknown/?$rid=1", "dev-01"},
    };
    for (const auto& [topic, client_id] : refused) EXPECT_FALSE(parse(topic, client_id)) << topic;
}

TEST(Topic, OfAMethodResponseIsRead) {
    EXPECT_EQ(parse("$iothub/methods/res/200/?$rid=1f"),
              DeviceTopic(MethodResponseTopic{200, "1f"}));
    EXPECT_EQ(parse("$iothub/methods/res/-3/?$rid=1"), DeviceTopic(MethodResponseTopic{-3, "1"}));
    EXPECT_FALSE(parse("$iothub/methods/res/ok/?$rid=1"));
    EXPECT_FALSE(parse("$iothub/methods/res/200/"));
    EXPECT_FALSE(parse("$iothub/methods/POST/reboot/?$rid=1"));
}

TEST(Properties, AreDecoded) {
    EXPECT_THAT(decode_properties(""), ElementsAre());
    EXPECT_THAT(decode_properties("?a=1"), ElementsAre(Pair("a", "1")));
    EXPECT_THAT(decode_properties("%24.on=out1/"), ElementsAre(Pair("$.on", "out1")));
    EXPECT_THAT(decode_properties("$.mid=7&a%20b=c%3dd=e&alone&empty=&&plus=1+1"),
                ElementsAre(Pair("$.mid", "7"), Pair("a b", "c=d=e"), Pair("alone", ""),
                            Pair("empty", ""), Pair("plus", "1+1")));
    EXPECT_THAT(decode_properties("raw=100% of it&b=%zz"),
                ElementsAre(Pair("raw", "100% of it"), Pair("b", "%zz")));
}

RC_GTEST_PROP(Properties, DecodingUndoesEncoding,
              (const std::vector<std::pair<std::string, std::string>>& given)) {
    Properties properties;
    for (const auto& property : given)
        properties.push_back({"n" + property.first, property.second});
    RC_ASSERT(decode_properties(encode_properties(properties)) == properties);
}

TEST(Topic, OfTheHubIsBuiltAsTheSdksNeedIt) {
    EXPECT_EQ(make_topic(TwinResponseTopic{200, "1", {}}).view(), "$iothub/twin/res/200/?$rid=1");
    EXPECT_EQ(make_topic(TwinResponseTopic{204, "5b%20c", 6}).view(),
              "$iothub/twin/res/204/?$rid=5b%20c&$version=6");
    EXPECT_EQ(make_topic(DesiredTopic{18446744073709551615u}).view(),
              "$iothub/twin/PATCH/properties/desired/?$version=18446744073709551615");
    EXPECT_EQ(make_topic(MethodRequestTopic{"reboot", "1f"}).view(),
              "$iothub/methods/POST/reboot/?$rid=1f");
}

TEST(Topic, WithTheLongestPartsFits) {
    const std::string rid(rid_bytes_max, 'r');
    const std::string name(128, 'n');
    EXPECT_TRUE(make_topic(TwinResponseTopic{204, rid, 18446744073709551615u})
                    .view()
                    .ends_with("=18446744073709551615"));
    EXPECT_TRUE(make_topic(MethodRequestTopic{name, rid}).view().ends_with(rid));
}

TEST(Topic, ReadBackIsWhatItWasMadeOf) {
    for (const DeviceTopic& topic :
         {DeviceTopic(GetTopic{"r"}), DeviceTopic(ReportTopic{"r", {}}),
          DeviceTopic(ReportTopic{"r", 7}), DeviceTopic(MethodResponseTopic{-2147483648, "r"})})
        std::visit(
            [&](const auto& one) {
                if constexpr (!std::is_same_v<decltype(one), const TelemetryTopic&>)
                    EXPECT_EQ(parse(make_topic(one).view()), topic);
            },
            topic);
    for (const HubTopic& topic :
         {HubTopic(TwinResponseTopic{204, "r", 3}), HubTopic(TwinResponseTopic{400, "r", {}}),
          HubTopic(DesiredTopic{9}), HubTopic(MethodRequestTopic{"reboot", "1"})})
        std::visit(
            [&](const auto& one) { EXPECT_EQ(parse_hub_topic(make_topic(one).view()), topic); },
            topic);
    EXPECT_EQ(make_telemetry_topic(id("d/m"), {{"$.mid", "1"}}),
              "devices/d/modules/m/messages/events/%24.mid=1");
}

TEST(Topic, OfTheHubIsRefusedWhenItIsNone) {
    for (const char* topic :
         {"$iothub/twin/res/", "$iothub/twin/res/x/?$rid=1", "$iothub/twin/res/200/",
          "$iothub/twin/res/204/?$rid=1&$version=x", "$iothub/twin/PATCH/properties/desired/",
          "$iothub/twin/PATCH/properties/desired/?$version=", "$iothub/methods/POST/?$rid=1", "a"})
        EXPECT_FALSE(parse_hub_topic(topic)) << topic;
}

TEST(Filter, OfTheTableIsServed) {
    struct Row {
        const char* filter;
        const char* client_id;
        Filter meaning;
    };
    const Row rows[] = {
        {"$iothub/twin/res/#", "d", {Subscription::twin_responses, {}}},
        {"$iothub/twin/PATCH/properties/desired/#", "d/m", {Subscription::desired, {}}},
        {"$iothub/methods/POST/#", "d", {Subscription::methods, {}}},
        {"$iothub/methods/POST/reboot/#", "d", {Subscription::methods, "reboot"}},
        {"devices/d/messages/devicebound/#", "d", {Subscription::cloud_to_device, {}}},
        {"devices/+/messages/devicebound/#", "d", {Subscription::cloud_to_device, {}}},
        {"devices/d/modules/m/#", "d/m", {Subscription::module_inputs, {}}},
        {"devices/d/modules/m/inputs/#", "d/m", {Subscription::module_inputs, {}}},
    };
    for (const Row& row : rows)
        EXPECT_EQ(parse_filter(row.filter, id(row.client_id)), row.meaning) << row.filter;
}

TEST(Filter, OfAnotherIdentityOrShapeIsRefused) {
    const std::pair<const char*, const char*> rows[] = {
        {"#", "d"},
        {"+", "d"},
        {"$iothub/#", "d"},
        {"$iothub/twin/res/+", "d"},
        {"$iothub/twin/res/200/#", "d"},
        {"$iothub/twin/+/#", "d"},
        {"$iothub/methods/POST/+/#", "d"},
        {"$iothub/methods/POST//#", "d"},
        {"$iothub/methods/POST/a/b/#", "d"},
        {"devices/e/messages/devicebound/#", "d"},
        {"devices/dd/messages/devicebound/#", "d"},
        {"devices/#", "d"},
        {"devices/d/messages/devicebound/#", "d/m"},
        {"devices/+/messages/devicebound/#", "d/m"},
        {"devices/d/modules/m/#", "d"},
        {"devices/d/modules/n/#", "d/m"},
        {"devices/d/messages/events/#", "d"},
        {"$dps/registrations/res/#", "d"},
    };
    for (const auto& [filter, client_id] : rows)
        EXPECT_FALSE(parse_filter(filter, id(client_id))) << filter;
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
