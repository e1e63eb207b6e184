// Messages to the device, with the quality that it asked for.
#include "protocol/mqtt/session_script.h"

#include <gmock/gmock.h>

namespace twinhub::protocol::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Subscribe to_messages(Qos qos, std::string_view filter = "devices/d/messages/devicebound/#") {
    Subscribe packet;
    packet.packet_id = 9;
    packet.filters.push_back({filter, qos});
    return packet;
}

constexpr auto topic = "devices/d/messages/devicebound/";

TEST(SessionMessages, AreAcknowledgedByTheDeviceWithTheirKey) {
    Script script;
    script.opens().sends(to_messages(Qos::at_least_once));
    EXPECT_THAT(script.message(71, "a"), ElementsAre(std::string("< publish 1 ") + topic + " a"));
    EXPECT_THAT(script.message(72, "b"), ElementsAre(std::string("< publish 2 ") + topic + " b"));
    EXPECT_THAT(script.sends(PubAck{2}), ElementsAre("acknowledged 72"));
    EXPECT_THAT(script.sends(PubAck{2}), IsEmpty());
    EXPECT_THAT(script.sends(PubAck{1}), ElementsAre("acknowledged 71"));
    EXPECT_THAT(script.message(73, "c", true),
                ElementsAre(std::string("< publish 3 again ") + topic + " c"));
}

TEST(SessionMessages, KeepTheirPacketIdWhenTheyAreSentOnceMore) {
    Script script;
    script.opens().sends(to_messages(Qos::at_least_once, "devices/+/messages/devicebound/#"));
    script.message(71, "a");
    EXPECT_THAT(script.message(71, "a"),
                ElementsAre(std::string("< publish 1 again ") + topic + " a"));
    EXPECT_THAT(script.sends(PubAck{1}), ElementsAre("acknowledged 71"));
}

TEST(SessionMessages, HaveAWindow) {
    Script script(Limits{.unacknowledged = 2});
    EXPECT_EQ(script.session().message_room(), 0u);
    script.opens();
    EXPECT_EQ(script.session().message_room(), 0u);
    script.sends(to_messages(Qos::at_least_once));
    EXPECT_EQ(script.session().message_room(), 2u);
    script.message(1, "a");
    script.message(2, "b");
    EXPECT_EQ(script.session().message_room(), 0u);
    EXPECT_THAT(script.message(3, "c"), IsEmpty());
    script.sends(PubAck{1});
    EXPECT_EQ(script.session().message_room(), 1u);
    EXPECT_THAT(script.message(3, "c"), ElementsAre(std::string("< publish 3 ") + topic + " c"));
}

TEST(SessionMessages, WithQos0AreSentAndForgotten) {
    Script script;
    script.opens().sends(to_messages(Qos::at_most_once));
    EXPECT_THAT(script.message(1, "a", true),
                ElementsAre(std::string("< publish ") + topic + " a"));
    EXPECT_EQ(script.session().message_room(), Limits().unacknowledged);
}

TEST(SessionMessages, OfAStoredSessionComeWithoutASubscribe) {
    Script script;
    AcceptFacts facts{.session_present = true};
    facts.restored.mask = SubscriptionMask(Subscription::cloud_to_device)
                              .with(Subscription::cloud_to_device_acknowledged);
    script.opens(connect_packet(), facts);
    EXPECT_THAT(script.message(1, "a", true),
                ElementsAre(std::string("< publish 1 again ") + topic + " a"));
}

TEST(SessionMessages, SkipPacketIdsThatAreInUseWhenTheyBeginAnew) {
    Script script;
    script.opens().sends(to_messages(Qos::at_least_once));
    script.message(7, "stays");
    for (std::uint64_t key = 1000; key < 1000 + 65534; ++key) {
        const auto sent = script.message(key, "x");
        ASSERT_EQ(sent.size(), 1u);
        script.sends(PubAck{static_cast<std::uint16_t>(key - 1000 + 2)});
    }
    EXPECT_THAT(script.message(8, "y"), ElementsAre(std::string("< publish 2 ") + topic + " y"));
}

TEST(SessionMessages, CannotNameADeviceWithAWildcardInItsId) {
    Script script;
    script.opens(connect_packet("a+b", "h.example.com/a+b/?api-version=2021-04-12"));
    script.sends(to_messages(Qos::at_least_once, "devices/a+b/messages/devicebound/#"));
    EXPECT_EQ(script.session().message_room(), 0u);
}

TEST(DeviceBoundTopic, SaysPropertiesAsTheSdksReadThem) {
    const DeviceId device = DeviceId::parse("dev-1").value();
    const BagItem items[] = {{"$.mid", "m 1"},
                             {"$.to", "/devices/dev-1/messages/devicebound"},
                             {"prop1", std::nullopt},
                             {"prop2", ""},
                             {"prop3", "a string/&=%"}};
    EXPECT_EQ(make_device_bound_topic(device, items),
              "devices/dev-1/messages/devicebound/%24.mid=m%201&%24.to=%2Fdevices%2Fdev-1%2F"
              "messages%2Fdevicebound&prop1&prop2=&prop3=a%20string%2F%26%3D%25");
    EXPECT_EQ(make_device_bound_topic(device, {}), "devices/dev-1/messages/devicebound/");
    EXPECT_EQ(parse_device_bound_topic("devices/dev-1/messages/devicebound/a=b", device),
              (DeviceBoundTopic{"a=b"}));
    EXPECT_FALSE(parse_device_bound_topic("devices/dev-2/messages/devicebound/a=b", device));
    EXPECT_FALSE(parse_device_bound_topic("$iothub/twin/res/200/?$rid=1", device));
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
