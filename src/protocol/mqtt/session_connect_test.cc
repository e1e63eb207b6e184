// How a connection begins, is refused, and what it leaves behind (device-protocols 1.2 to 1.5).
#include "protocol/mqtt/session_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::protocol::mqtt {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// device-protocols 2.6

TEST(Session, ClosesWithoutAnAnswerWhenTheFirstPacketIsNotConnect) {
    EXPECT_THAT(Script().sends(PingReq{}), ElementsAre("close first_packet_not_connect"));
    EXPECT_THAT(Script().bytes("GET / HTTP/1.1"), ElementsAre("close first_packet_not_connect"));
    EXPECT_THAT(Script().hex("00"), ElementsAre("close first_packet_not_connect"));
}

TEST(Session, ClosesWithoutAnAnswerWhenConnectIsMalformed) {
    EXPECT_THAT(Script().hex("11"), ElementsAre("close packet_malformed"));
    EXPECT_THAT(Script().hex("100b00044d5154540402003c00"), ElementsAre("close packet_malformed"));
}

TEST(Session, ClosesOnATooLargeConnectBeforeItsBody) {
    EXPECT_THAT(Script().hex("10ffffff7f"), ElementsAre("close packet_too_large"));
    Limits limits;
    limits.connect_bytes = 200;
    EXPECT_THAT(Script(limits).hex("10c901"), ElementsAre("close packet_too_large"));
    EXPECT_THAT(Script(limits).hex("10c801"), IsEmpty());
}

TEST(Session, RefusesAnotherProtocolLevelWithCode1) {
    EXPECT_THAT(Script().hex("100d00044d5154540502003c00000000"),
                ElementsAre("close protocol_level_refused", "< connack 1"));
    EXPECT_THAT(Script().hex("100e00064d51497364700302003c0000"),
                ElementsAre("close protocol_level_refused", "< connack 1"));
}

TEST(Session, RefusesAnUnclearIdentityWithCode5) {
    Connect nobody = connect_packet();
    nobody.user_name.reset();
    nobody.password.reset();
    const Connect rows[] = {nobody, connect_packet("", "h//"), connect_packet("d", "h/e"),
                            connect_packet("d", "h"),
                            connect_packet("d", "0ne0/registrations/e/api-version=2019-03-31")};
    for (const Connect& row : rows)
        EXPECT_THAT(Script().sends(row), ElementsAre("close identity_malformed", "< connack 5"));
}

TEST(Session, TakesAnEmptyPasswordAsNone) {
    Connect packet = connect_packet();
    packet.password = "";
    packet.clean_session = true;
    EXPECT_THAT(Script().sends(packet),
                ElementsAre("authenticate d at h.example.com with '' clean"));
    packet.password.reset();
    EXPECT_THAT(Script().sends(packet),
                ElementsAre("authenticate d at h.example.com with '' clean"));
}

TEST(Session, SaysWhyItWasRefused) {
    const std::tuple<ConnectCode, const char*, const char*> rows[] = {
        {ConnectCode::not_authorized, "close not_authorized", "< connack 5"},
        {ConnectCode::server_unavailable, "close server_unavailable", "< connack 3"},
    };
    for (const auto& [code, event, packet] : rows) {
        Script script;
        script.sends(connect_packet());
        EXPECT_THAT(script.refused(code), ElementsAre(event, packet));
        EXPECT_THAT(script.accepted(), IsEmpty());
        EXPECT_THAT(script.sends(PingReq{}), IsEmpty());
    }
}

TEST(Session, TellsTheClientWhetherASessionWasStored) {
    Script script;
    script.sends(connect_packet());
    EXPECT_THAT(script.accepted({.session_present = true, .restored = {}}),
                ElementsAre("< connack 0 present"));
}

TEST(Session, RestoresSubscriptionsWithoutASubscribe) {
    Script script;
    const Subscriptions stored{
        SubscriptionMask(Subscription::desired).with(Subscription::twin_responses), {"reboot"}};
    script.opens(connect_packet(), {.session_present = true, .restored = stored});
    EXPECT_THAT(script.desired(5, "{}"),
                ElementsAre("< publish $iothub/twin/PATCH/properties/desired/?$version=5 {}"));
    EXPECT_THAT(script.answered("1", 200, {}, "{}"),
                ElementsAre("< publish $iothub/twin/res/200/?$rid=1 {}"));
    EXPECT_THAT(script.method("reboot", "1", "null"),
                ElementsAre("< publish $iothub/methods/POST/reboot/?$rid=1 null"));
}

TEST(Session, KeepsWhatIsPipelinedBehindConnect) {
    std::string all;
    encode(connect_packet(), all);
    encode(Subscribe{1, {{"$iothub/twin/res/#", Qos::at_most_once}}}, all);
    encode(publish_packet(report_topic, R"({"t":1})", 9), all);
    encode(publish_packet("$iothub/twin/GET/?$rid=3", " "), all);
    for (std::size_t split = 1; split <= all.size(); ++split) {
        Script script;
        std::vector<std::string> events = script.bytes(std::string_view(all).substr(0, split));
        for (std::string& event : script.bytes(std::string_view(all).substr(split)))
            events.push_back(std::move(event));
        EXPECT_THAT(events, ElementsAre("authenticate d at h.example.com with 'token'")) << split;
        EXPECT_THAT(script.accepted(), ElementsAre("subscribed 1", R"(report 2 {"t":1})", "get 3",
                                                   "< connack 0", "< suback 1 0", "< puback 9"))
            << split;
    }
}

TEST(Session, BoundsWhatIsPipelined) {
    Limits limits;
    limits.pipelined_bytes = 10;
    Script script(limits);
    script.sends(connect_packet());
    EXPECT_TRUE(script.session().congested());
    EXPECT_THAT(script.bytes("0123456789"), IsEmpty());
    EXPECT_THAT(script.bytes("0"), ElementsAre("close pipelined_too_much"));
    EXPECT_THAT(script.accepted(), IsEmpty());
}

TEST(Session, ClosesOnASecondConnect) {
    EXPECT_THAT(Script().opens().sends(connect_packet()), ElementsAre("close second_connect"));
}

TEST(Session, ClosesWhenNoConnectComesInTime) {
    Script script;
    EXPECT_EQ(script.session().deadline(), start + 30s);
    script.now = start + 30s - 1ms;
    EXPECT_THAT(script.ticks(), IsEmpty());
    EXPECT_THAT(script.hex("10"), IsEmpty());
    script.now = start + 30s;
    EXPECT_THAT(script.ticks(), ElementsAre("close connect_timeout"));
    EXPECT_EQ(script.session().deadline(), Moment::max());
}

TEST(Session, AsksTheClientToComeAgainWhenItsCredentialIsNotJudgedInTime) {
    Script script;
    script.sends(connect_packet());
    script.now = start + 30s;
    EXPECT_THAT(script.ticks(), ElementsAre("close connect_timeout", "< connack 3"));
}

Connect with_will(std::string_view topic, Qos qos = Qos::at_least_once) {
    Connect packet = connect_packet();
    packet.will = WillMessage{topic, "gone", qos, true};
    return packet;
}

TEST(Session, PublishesTheWillUnlessTheClientSaysGoodbye) {
    const char* topic = "devices/d/messages/events/why=will";
    EXPECT_THAT(Script().opens(with_will(topic)).ends(CloseReason::connection_lost),
                ElementsAre("close connection_lost will 'why=will' gone"));
    EXPECT_THAT(Script().opens(with_will(topic)).ends(CloseReason::taken_over),
                ElementsAre("close taken_over will 'why=will' gone"));
    EXPECT_THAT(Script().opens(with_will(topic)).sends(publish_packet("nowhere")),
                ElementsAre("close topic_refused will 'why=will' gone"));
    EXPECT_THAT(Script().opens(with_will(topic)).sends(Disconnect{}),
                ElementsAre("close client_disconnect"));
    EXPECT_THAT(properties_of(Will{"why=will", "gone", true}),
                ElementsAre(Pair("why", "will"), Pair("mqtt-retain", "true"),
                            Pair("iothub-MessageType", "Will")));
}

TEST(Session, PublishesNoWillOfAClientThatWasNotAccepted) {
    Script script;
    script.sends(with_will("devices/d/messages/events/"));
    EXPECT_THAT(script.refused(ConnectCode::not_authorized),
                ElementsAre("close not_authorized", "< connack 5"));
    Script lost;
    lost.sends(with_will("devices/d/messages/events/"));
    EXPECT_THAT(lost.ends(CloseReason::connection_lost), ElementsAre("close connection_lost"));
}

TEST(Session, RefusesAWillThatIsNotOwnTelemetry) {
    for (const char* topic : {"devices/e/messages/events/", "$iothub/twin/GET/?$rid=1", "status"})
        EXPECT_THAT(Script().sends(with_will(topic)),
                    ElementsAre("close will_refused", "< connack 5"))
            << topic;
    EXPECT_THAT(Script().sends(with_will("devices/d/messages/events/", Qos::exactly_once)),
                ElementsAre("close will_refused", "< connack 5"));
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
