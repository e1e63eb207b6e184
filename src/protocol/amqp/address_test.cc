#include "protocol/amqp/address.h"

#include <gmock/gmock.h>

namespace twinhub::protocol::amqp {
namespace {

using testing::ElementsAre;

std::vector<std::string> names(const std::vector<TwinId>& ids) {
    std::vector<std::string> texts;
    texts.reserve(ids.size());
    for (const TwinId& id : ids) texts.push_back(id.text());
    return texts;
}

struct Case {
    const char* text;
    Endpoint endpoint;
    std::vector<std::string> identities;
};

// Spec device-protocols 4.3, 9.20.
TEST(AmqpAddress, MeansWhatTheClientsMean) {
    const std::vector<Case> cases{
        {"$cbs", Endpoint::cbs, {}},
        {"/$cbs", Endpoint::cbs, {}},
        {"amqps://h.example.com/$cbs", Endpoint::cbs, {}},
        {"/devices/d1/twin", Endpoint::twin, {"d1"}},
        {"devices/d1/twin", Endpoint::twin, {"d1"}},
        {"/devices/d1/modules/m1/twin", Endpoint::twin, {"d1/m1"}},
        {"amqps://h.example.com/devices/d1/twin", Endpoint::twin, {"d1"}},
        {"amqps://h.example.com:5671/devices/d1/methods/deviceBound", Endpoint::methods, {"d1"}},
        {"AMQPS://H/devices/d1/twin?api-version=2021-04-12", Endpoint::twin, {"d1"}},
        {"/devices/d1/methods/devicebound", Endpoint::methods, {"d1"}},
        {"/Devices/D1/Messages/DeviceBound", Endpoint::messages, {"D1"}},
        {"/devices/d1/messages/events", Endpoint::events, {"d1"}},
        {"/devices/d1/modules/m1/messages/events", Endpoint::events, {"d1/m1"}},
        {"/devices/a%20b/twin", Endpoint::twin, {"a%20b"}},
        {"/devices/a%40b/twin", Endpoint::twin, {"a%40b", "a@b"}},
        {"/devices/d1/modules/%24edgeAgent/twin",
         Endpoint::twin,
         {"d1/%24edgeAgent", "d1/$edgeAgent"}},
        {"/devices/a?b/twin", Endpoint::twin, {"a?b"}},
        {"/messages/devicebound", Endpoint::service_messages, {}},
        {"/messages/deviceBound", Endpoint::service_messages, {}},
        {"amqps://h/messages/devicebound", Endpoint::service_messages, {}},
        {"/messages/serviceBound/feedback", Endpoint::service_feedback, {}},
        {"/messages/servicebound/filenotifications", Endpoint::service_file_notifications, {}},
        {"0ne1/registrations/reg-01", Endpoint::registration, {}},
        {"amqps://h/0ne1/registrations/reg-01", Endpoint::registration, {}},
        {"", Endpoint::unknown, {}},
        {"/", Endpoint::unknown, {}},
        {"/devices/d1", Endpoint::unknown, {}},
        {"/devices//twin", Endpoint::unknown, {}},
        {"/devices/d1/twin/more", Endpoint::unknown, {}},
        {"/devices/d1/messages", Endpoint::unknown, {}},
        {"/devices/d1/modules/m1", Endpoint::unknown, {}},
        {"/devices/a/b/c/d/e/f/g/h/i/j/k/l", Endpoint::unknown, {}},
        {"/messages/events", Endpoint::unknown, {}},
        {"$management", Endpoint::unknown, {}},
    };
    for (const Case& c : cases) {
        const Address address = parse_address(c.text);
        EXPECT_EQ(address.endpoint, c.endpoint) << c.text;
        EXPECT_EQ(names(address.identities), c.identities) << c.text;
    }
}

TEST(AmqpAddress, TellsScopeAndRegistration) {
    const Address address = parse_address("amqps://h/0ne1/registrations/Reg-01");
    EXPECT_EQ(address.id_scope, "0ne1");
    EXPECT_EQ(address.registration_id, "Reg-01");
}

TEST(AmqpAddress, ReadsTheRecipientOfAMessage) {
    EXPECT_THAT(names(parse_recipient("/devices/d%401/messages/devicebound")),
                ElementsAre("d%401", "d@1"));
    EXPECT_THAT(names(parse_recipient("/devices/d/modules/m/messages/devicebound")),
                ElementsAre("d/m"));
    EXPECT_TRUE(parse_recipient("/devices/d/twin").empty());
    EXPECT_TRUE(parse_recipient("").empty());
}

// Spec device-protocols 4.2, 6.1: the spellings of a token's resource.
TEST(AmqpAddress, ReadsWhomAResourceNames) {
    EXPECT_THAT(names(parse_resource("h%2Fdevices%2Fd1")), ElementsAre("d1"));
    EXPECT_THAT(names(parse_resource("h/devices/d1")), ElementsAre("d1"));
    EXPECT_THAT(names(parse_resource("h%2fdevices%2fd%25401")), ElementsAre("d%401", "d@1"));
    EXPECT_THAT(names(parse_resource("h/devices/a%40b")), ElementsAre("a@b", "a%40b"));
    EXPECT_THAT(names(parse_resource("h/devices/d1/modules/m1")), ElementsAre("d1/m1"));
    EXPECT_THAT(names(parse_resource("h/devices/d1/messages/events")), ElementsAre("d1"));
    EXPECT_TRUE(parse_resource("h").empty());
    EXPECT_TRUE(parse_resource("h/devices").empty());
    EXPECT_TRUE(parse_resource("h/devices/%zz").empty());
    EXPECT_TRUE(parse_resource("").empty());
}

}  // namespace
}  // namespace twinhub::protocol::amqp
