#include "protocol/mqtt/session_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::protocol::mqtt {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Session, HoldsTheWorkedConversation) {
    Script script;
    EXPECT_THAT(
        script.sends(connect_packet("dev-01", "twin.example.com/dev-01/?api-version=2021-04-12")),
        ElementsAre("authenticate dev-01 at twin.example.com with 'token'"));
    EXPECT_THAT(script.accepted(), ElementsAre("< connack 0"));
    EXPECT_THAT(script.sends(Subscribe{1, {{"$iothub/twin/res/#", Qos::at_most_once}}}),
                ElementsAre("subscribed 1", "< suback 1 0"));
    EXPECT_THAT(script.sends(publish_packet("$iothub/twin/GET/?$rid=5b1c", " ")),
                ElementsAre("get 5b1c"));
    EXPECT_THAT(
        script.answered("5b1c", 200, {}, R"({"desired":{"$version":1},"reported":{"$version":1}})"),
        ElementsAre(
            R"(< publish $iothub/twin/res/200/?$rid=5b1c {"desired":{"$version":1},"reported":{"$version":1}})"));
    EXPECT_THAT(script.sends(
                    Subscribe{2, {{"$iothub/twin/PATCH/properties/desired/#", Qos::at_most_once}}}),
                ElementsAre("subscribed 3", "< suback 2 0"));
    EXPECT_THAT(script.sends(publish_packet("$iothub/twin/PATCH/properties/reported/?$rid=77aa",
                                            R"({"fw":"1.0"})")),
                ElementsAre(R"(report 77aa {"fw":"1.0"})"));
    EXPECT_THAT(script.answered("77aa", 204, 2, ""),
                ElementsAre("< publish $iothub/twin/res/204/?$rid=77aa&$version=2 "));
    EXPECT_THAT(
        script.desired(2, R"({"interval":10,"$version":2})"),
        ElementsAre(
            R"(< publish $iothub/twin/PATCH/properties/desired/?$version=2 {"interval":10,"$version":2})"));
    EXPECT_THAT(script.sends(Disconnect{}), ElementsAre("close client_disconnect"));
}

TEST(Session, AnswersWithTheBytesOfTheVectors) {
    const Limits limits;
    Session session(limits, start);
    std::string out;
    Events events;
    const std::string connect =
        hex_decode(
            "103c00044d51545404c000b4000264310028682e6578616d706c652e636f6d2f64312f3f6170"
            "692d76657273696f6e3d323032312d30342d313200027077")
            .value();
    const std::string subscribe =
        hex_decode("82170001001224696f746875622f7477696e2f7265732f2300").value();
    session.receive(std::as_bytes(std::span(connect)), start, out, events);
    session.accept({}, start, out, events);
    session.receive(std::as_bytes(std::span(subscribe)), start, out, events);
    session.twin_response("2", 204, 2, "", out);
    EXPECT_EQ(
        hex_encode(out),
        "200200009003000100"
        "3029002724696f746875622f7477696e2f7265732f3230342f3f247269643d32262476657273696f6e3d32");
}

TEST(Session, IsSmall) { EXPECT_LE(sizeof(Session), 256u); }

TEST(Session, AllowsOneAndAHalfTimesTheKeepAlive) {
    const std::pair<std::uint16_t, std::chrono::milliseconds> rows[] = {
        {60, 90s}, {1, 1500ms}, {0, 1767s}, {1177, 1765500ms}, {1178, 1767s}, {65535, 1767s}};
    for (const auto& [keep_alive, limit] : rows) {
        Connect packet = connect_packet();
        packet.keep_alive_seconds = keep_alive;
        Script script;
        script.opens(packet);
        EXPECT_EQ(script.session().deadline(), start + limit) << keep_alive;
        script.now = start + limit;
        EXPECT_THAT(script.ticks(), ElementsAre("close keep_alive_timeout")) << keep_alive;
    }
}

TEST(Session, StaysOpenWhilePacketsCome) {
    Script script;
    script.opens();
    script.now += 80s;
    EXPECT_THAT(script.sends(PingReq{}), ElementsAre("< pingresp"));
    EXPECT_EQ(script.session().deadline(), script.now + 90s);
    script.now += 80s;
    script.sends(PubAck{99});
    EXPECT_EQ(script.session().deadline(), script.now + 90s);
    const Moment last = script.now;
    script.now += 80s;
    script.hex("30");  // no packet yet
    EXPECT_EQ(script.session().deadline(), last + 90s);
}

TEST(Session, ClosesWhenTheCredentialExpires) {
    Script script;
    script.opens(connect_packet(), {.restored = {}, .expires = start + 50s});
    EXPECT_EQ(script.session().deadline(), start + 50s);
    script.now = start + 50s;
    script.sends(PingReq{});
    EXPECT_THAT(script.ticks(), ElementsAre("close credential_expired"));
}

TEST(Session, AcknowledgesSubscriptionsBeforeItSaysThem) {
    Script script;
    script.opens();
    EXPECT_THAT(script.sends(Subscribe{7,
                                       {{"$iothub/twin/res/#", Qos::at_least_once},
                                        {"$iothub/twin/res/200", Qos::at_most_once},
                                        {"$iothub/methods/POST/#", Qos::exactly_once},
                                        {"devices/+/messages/devicebound/#", Qos::exactly_once},
                                        {"devices/e/messages/devicebound/#", Qos::at_least_once}}}),
                ElementsAre("subscribed 45", "< suback 7 1 128 1 1 128"));
    EXPECT_THAT(script.sends(Subscribe{8, {{"$iothub/twin/res/#", Qos::at_most_once}}}),
                ElementsAre("< suback 8 0"));
    EXPECT_THAT(
        script.sends(Subscribe{9, {{"devices/d/messages/devicebound/#", Qos::at_most_once}}}),
        ElementsAre("subscribed 13", "< suback 9 0"));
}

TEST(Session, GrantsFiveSubscriptions) {
    Script script;
    script.opens();
    EXPECT_THAT(script.sends(Subscribe{1,
                                       {{"$iothub/twin/res/#", Qos::at_most_once},
                                        {"$iothub/methods/POST/b/#", Qos::at_most_once},
                                        {"$iothub/methods/POST/a/#", Qos::at_most_once},
                                        {"$iothub/methods/POST/c/#", Qos::at_most_once},
                                        {"devices/d/messages/devicebound/#", Qos::at_least_once},
                                        {"$iothub/methods/POST/d/#", Qos::at_most_once},
                                        {"$iothub/methods/POST/a/#", Qos::at_most_once}}}),
                ElementsAre("subscribed 41+a+b+c", "< suback 1 0 0 0 0 1 128 0"));
    EXPECT_THAT(script.method("d", "1", ""), IsEmpty());
    EXPECT_THAT(script.method("a", "1", ""),
                ElementsAre("< publish $iothub/methods/POST/a/?$rid=1 "));
    EXPECT_THAT(script.sends(Unsubscribe{2, {"$iothub/methods/POST/b/#"}}),
                ElementsAre("subscribed 41+a+c", "< unsuback 2"));
    EXPECT_THAT(script.sends(Subscribe{3, {{"$iothub/methods/POST/d/#", Qos::at_most_once}}}),
                ElementsAre("subscribed 41+a+c+d", "< suback 3 0"));
}

TEST(Session, AlwaysAcknowledgesUnsubscribe) {
    Script script;
    script.opens(connect_packet(), {.restored = {SubscriptionMask(Subscription::desired), {}}});
    EXPECT_THAT(script.sends(Unsubscribe{1, {"what/ever", "$iothub/twin/res/#"}}),
                ElementsAre("< unsuback 1"));
    EXPECT_THAT(script.sends(Unsubscribe{2, {"$iothub/twin/PATCH/properties/desired/#"}}),
                ElementsAre("subscribed 0", "< unsuback 2"));
    EXPECT_THAT(script.desired(2, "{}"), IsEmpty());
}

TEST(Session, SendsNothingThatWasNotSubscribedTo) {
    Script script;
    script.opens();
    script.sends(publish_packet("$iothub/twin/GET/?$rid=1"));
    EXPECT_THAT(script.answered("1", 200, {}, "{}"), IsEmpty());
    EXPECT_THAT(script.desired(2, "{}"), IsEmpty());
    EXPECT_THAT(script.method("reboot", "1", "{}"), IsEmpty());
}

TEST(Session, AcknowledgesQos1AtOnce) {
    Script script;
    script.opens();
    EXPECT_THAT(script.sends(publish_packet(report_topic, "{}", 5),
                             publish_packet("devices/d/messages/events/", "x", 6)),
                ElementsAre("report 2 {}", "telemetry '' x", "< puback 5", "< puback 6"));
}

TEST(Session, PassesABaseVersionOn) {
    Script script;
    script.opens();
    EXPECT_THAT(script.sends(publish_packet(
                    "$iothub/twin/PATCH/properties/reported/?$rid=r&$version=4", "{}")),
                ElementsAre("report r on 4 {}"));
}

TEST(Session, TakesTelemetryWithItsProperties) {
    Script script;
    script.opens();
    Publish packet = publish_packet("devices/d/messages/events/%24.ct=a%2fb&level=1", "21.5");
    packet.retain = true;
    EXPECT_THAT(script.sends(packet), ElementsAre("telemetry '%24.ct=a%2fb&level=1' 21.5 retain"));
    EXPECT_THAT(properties_of(Telemetry{"%24.ct=a%2fb&level=1", "21.5", true}),
                ElementsAre(Pair("$.ct", "a/b"), Pair("level", "1"), Pair("mqtt-retain", "true")));
}

TEST(Session, TakesMethodResponses) {
    Script script;
    script.opens();
    EXPECT_THAT(script.sends(publish_packet("$iothub/methods/res/-1/?$rid=1f", "{}", 3)),
                ElementsAre("method -1 1f {}", "< puback 3"));
}

TEST(Session, TakesADuplicateAsItIs) {
    Script script;
    script.opens();
    Publish packet = publish_packet(report_topic, "{}", 5);
    packet.duplicate = true;
    EXPECT_THAT(script.sends(packet), ElementsAre("report 2 {}", "< puback 5"));
}

TEST(Session, ClosesOnWhatItDoesNotTake) {
    const std::pair<const char*, std::vector<std::string>> rows[] = {
        {"34050001610001", {"close qos2"}},
        {"50020001", {"close qos2"}},
        {"32050001610000", {"close packet_malformed"}},
        {"30050003612f23", {"close packet_malformed"}},
        {"3003000161", {"close topic_refused"}},
        {"30fdffff7f", {"close packet_too_large"}},
        {"20020000", {"close packet_unexpected"}},
        {"9003000100", {"close packet_unexpected"}},
        {"b0020001", {"close packet_unexpected"}},
        {"d000", {"close packet_unexpected"}},
    };
    for (const auto& [hex, events] : rows) {
        Script script;
        EXPECT_EQ(script.opens().hex(hex), events) << hex;
        EXPECT_THAT(script.sends(PingReq{}), IsEmpty()) << hex;
    }
}

TEST(Session, ClosesOnATopicOfAnotherIdentity) {
    EXPECT_THAT(Script().opens().sends(publish_packet("devices/e/messages/events/", "x", 1)),
                ElementsAre("close topic_refused"));
}

TEST(Session, AnswersWhatCameBeforeTheFault) {
    EXPECT_THAT(Script().opens().sends(publish_packet(report_topic, "{}", 4),
                                       publish_packet("nowhere"), PingReq{}),
                ElementsAre("report 2 {}", "close topic_refused", "< puback 4"));
}

TEST(Session, BoundsAMessageWithItsProperties) {
    const std::string bag = "a=" + std::string(100, 'x');
    const std::string topic = "devices/d/messages/events/" + bag;
    const std::string payload(message_bytes_max - bag.size() + 1, 'p');
    Script script;
    script.opens();
    EXPECT_THAT(script.sends(publish_packet(topic, std::string_view(payload).substr(1))),
                testing::SizeIs(1));
    EXPECT_THAT(script.sends(publish_packet(topic, payload)),
                ElementsAre("close message_too_large"));
    const std::string report(message_bytes_max + 1, ' ');
    EXPECT_THAT(Script().opens().sends(publish_packet(report_topic, report)),
                ElementsAre("close message_too_large"));
}

TEST(Session, EndsOnce) {
    Script script;
    script.opens();
    EXPECT_THAT(script.ends(CloseReason::shutting_down), ElementsAre("close shutting_down"));
    EXPECT_THAT(script.ends(CloseReason::connection_lost), IsEmpty());
    EXPECT_THAT(script.sends(Disconnect{}), IsEmpty());
    EXPECT_THAT(script.desired(1, "{}"), IsEmpty());
    EXPECT_THAT(script.ticks(), IsEmpty());
    EXPECT_TRUE(script.session().is_closed());
}

TEST(Session, SaysWhenItIsOwedTooManyAnswers) {
    Limits limits;
    limits.unanswered = 2;
    Script script(limits);
    script.opens();
    script.sends(publish_packet("$iothub/twin/GET/?$rid=1"));
    EXPECT_FALSE(script.session().congested());
    script.sends(publish_packet(report_topic, "{}"));
    EXPECT_TRUE(script.session().congested());
    script.answered("1", 200, {}, "{}");
    EXPECT_FALSE(script.session().congested());
}

TEST(Session, DoesNotTakeAPauseInReadingForSilence) {
    Limits limits;
    limits.unanswered = 1;
    Script script(limits);
    script.opens();
    script.sends(publish_packet("$iothub/twin/GET/?$rid=1"));
    script.now += 90s;
    EXPECT_THAT(script.ticks(), IsEmpty());
    EXPECT_EQ(script.session().deadline(), script.now + 90s);
    script.answered("1", 200, {}, "{}");
    script.now += 90s;
    EXPECT_THAT(script.ticks(), ElementsAre("close keep_alive_timeout"));
}

TEST(Session, CopiesNoReportThatCameWhole) {
    const Limits limits;
    Session session(limits, start);
    std::string bytes, out;
    Events events;
    encode(connect_packet(), bytes);
    session.receive(std::as_bytes(std::span(bytes)), start, out, events);
    session.accept({}, start, out, events);
    events.clear();

    bytes.clear();
    encode(publish_packet(report_topic, R"({"t":1})"), bytes);
    session.receive(std::as_bytes(std::span(bytes)), start, out, events);
    ASSERT_EQ(events.list.size(), 1u);
    const std::string_view payload = std::get<Report>(events.list[0]).payload;
    EXPECT_EQ(payload.data(), bytes.data() + bytes.size() - payload.size());
    EXPECT_TRUE(events.held.empty());
}

TEST(Session, OfAModuleHasItsOwnTopics) {
    Script script;
    script.opens(connect_packet("d/m", "h/d/m/?api-version=2021-04-12"));
    EXPECT_THAT(script.sends(Subscribe{1,
                                       {{"devices/d/modules/m/inputs/#", Qos::at_least_once},
                                        {"devices/d/messages/devicebound/#", Qos::at_least_once}}}),
                ElementsAre("subscribed 80", "< suback 1 1 128"));
    EXPECT_THAT(
        script.sends(publish_packet("devices/d/modules/m/messages/events/%24.on=out1/", "x")),
        ElementsAre("telemetry '%24.on=out1/' x"));
    EXPECT_THAT(script.sends(publish_packet("devices/d/messages/events/", "x")),
                ElementsAre("close topic_refused"));
}

RC_GTEST_PROP(Session, DoesTheSameHoweverItsBytesAreSplit, ()) {
    std::string stream;
    encode(connect_packet(), stream);
    for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
        switch (*rc::gen::inRange(0, 7)) {
            case 0:
                encode(publish_packet(report_topic, *rc::gen::arbitrary<std::string>(), 3), stream);
                break;
            case 1: encode(publish_packet("$iothub/twin/GET/?$rid=g", " "), stream); break;
            case 2:
                encode(publish_packet("devices/d/messages/events/a=b",
                                      *rc::gen::arbitrary<std::string>()),
                       stream);
                break;
            case 3:
                encode(
                    Subscribe{
                        2, {{"$iothub/twin/res/#", Qos::at_most_once}, {"x", Qos::at_most_once}}},
                    stream);
                break;
            case 4: encode(Unsubscribe{4, {"$iothub/twin/res/#"}}, stream); break;
            case 5: encode(PingReq{}, stream); break;
            default: stream += *rc::gen::arbitrary<std::string>(); break;
        }
    }
    // Whatever the pieces, the sum of what happened is the same.
    const auto play = [&](std::size_t piece) {
        Script script;
        std::vector<std::string> events, packets;
        const auto note = [&](const std::vector<std::string>& lines) {
            for (const std::string& line : lines)
                (line.starts_with("<") ? packets : events).push_back(line);
        };
        for (std::string_view rest = stream; !rest.empty();
             rest.remove_prefix(std::min(piece, rest.size()))) {
            const auto lines = script.bytes(rest.substr(0, piece));
            note(lines);
            if (!lines.empty() && lines[0].starts_with("authenticate")) note(script.accepted());
        }
        events.insert(events.end(), packets.begin(), packets.end());
        return events;
    };
    const auto expected = play(stream.size());
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}})
        RC_ASSERT(play(piece) == expected);
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
