#include "protocol/mqtt/provisioning_session.h"

#include "protocol/mqtt/session_script.h"

#include <gmock/gmock.h>

namespace twinhub::protocol::mqtt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view register_topic = "$dps/registrations/PUT/iotdps-register/?$rid=";
constexpr std::string_view poll_topic = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=";

// A session behind its CONNECT; every step gives what happened, as Script does.
class Conversation {
public:
    explicit Conversation(std::chrono::seconds keep_alive = 60s)
        : session_(limits_, keep_alive, now, out_) {}

    template <class... Packets>
    std::vector<std::string> sends(const Packets&... packets) {
        std::string bytes;
        (encode(packets, bytes), ...);
        return receives(bytes);
    }
    std::vector<std::string> receives(std::string_view bytes) {
        session_.receive(std::as_bytes(std::span(bytes)), now, out_, events_);
        return happened();
    }
    std::vector<std::string> answered(std::string_view rid, int status, std::chrono::seconds wait,
                                      std::string_view body) {
        session_.answer(rid, status, wait, body, out_);
        return happened();
    }
    std::vector<std::string> at(Moment moment) {
        now = moment;
        session_.tick(now, events_);
        return happened();
    }
    std::vector<std::string> happened() {
        std::vector<std::string> lines;
        for (const ProvisioningEvent& event : events_.list) {
            if (const auto* ask = std::get_if<AskProvisioning>(&event))
                lines.push_back((ask->request.operation.empty()
                                     ? "register " + std::string(ask->request.rid)
                                     : "poll " + std::string(ask->request.rid) + " " +
                                           std::string(ask->request.operation)) +
                                " " + std::string(ask->payload));
            else
                lines.push_back("close " +
                                std::string(name_of(std::get<EndProvisioning>(event).reason)));
        }
        events_.clear();
        Decoder decoder(1 << 20);
        HeldBytes held;
        const std::string out = std::exchange(out_, {});
        CHECK(!decoder.feed(std::as_bytes(std::span(out)), held, [&](const Packet& packet) {
            const auto* publish = std::get_if<Publish>(&packet);
            lines.push_back(
                "< " + (publish != nullptr
                            ? "answer " + std::to_string(static_cast<int>(publish->qos)) + " " +
                                  std::to_string(publish->packet_id) + " " +
                                  std::string(publish->topic) + " " + std::string(publish->payload)
                            : show(packet)));
            return true;
        }));
        return lines;
    }

    ProvisioningSession& session() { return session_; }
    Moment now = start;

private:
    Limits limits_;
    std::string out_;
    ProvisioningEvents events_;
    ProvisioningSession session_;
};

Subscribe subscribe(std::string_view filter = provisioning_filter, Qos qos = Qos::at_least_once) {
    return {1, {{filter, qos}}};
}
std::string topic(std::string_view prefix, std::string_view rest) {
    return std::string(prefix) + std::string(rest);
}

// The order that .NET insists on: CONNACK, SUBACK, then PUBACK before each answer, answers with a
// packet id. Spec device-protocols 7.2, 8.6.
TEST(ProvisioningSession, TalksAsDotNetWantsIt) {
    Conversation device(0s);
    EXPECT_THAT(device.happened(), ElementsAre("< connack 0"));
    EXPECT_THAT(device.sends(subscribe()), ElementsAre("< suback 1 1"));
    EXPECT_THAT(device.sends(publish_packet(topic(register_topic, "1"), "", 2)),
                ElementsAre("register 1 ", "< puback 2"));
    EXPECT_THAT(device.answered("1", 202, 3s, "{}"),
                ElementsAre("< answer 1 1 $dps/registrations/res/202/?$rid=1&retry-after=3 {}"));
    EXPECT_THAT(device.sends(PubAck{1}), IsEmpty());
    EXPECT_THAT(device.sends(publish_packet(topic(poll_topic, "2&operationId=5.a-b.c"), "", 3)),
                ElementsAre("poll 2 5.a-b.c ", "< puback 3"));
    EXPECT_THAT(device.answered("2", 200, 0s, "{}"),
                ElementsAre("< answer 1 2 $dps/registrations/res/200/?$rid=2 {}"));
    EXPECT_THAT(device.sends(PubAck{2}, Disconnect{}), ElementsAre("close client_disconnect"));
}

// What the others send differs in ids, bodies and QoS.
TEST(ProvisioningSession, TakesWhatEachClientSends) {
    struct Row {
        const char* client;
        std::string topic;
        const char* body;
        const char* event;
    };
    const std::string uuid = "0d5c3d2a-98a3-4c3f-9b0c-d3a5cb2ad2a5";
    for (
        const Row& row : {
            Row{"node", topic(register_topic, uuid), R"({"registrationId":"r"})",
                R"(register 0d5c3d2a-98a3-4c3f-9b0c-d3a5cb2ad2a5 {"registrationId":"r"})"},
            Row{"python", topic(register_topic, uuid),
                R"({"payload": null, "registrationId": "r"})",
                R"(register 0d5c3d2a-98a3-4c3f-9b0c-d3a5cb2ad2a5 {"payload": null, "registrationId": "r"})"},
            Row{"python", topic(poll_topic, uuid + "&operationId=5.1"), " ",
                "poll 0d5c3d2a-98a3-4c3f-9b0c-d3a5cb2ad2a5 5.1  "},
            Row{"c", topic(register_topic, "1"), R"({"registrationId":"r"})",
                R"(register 1 {"registrationId":"r"})"},
            Row{"embedded c", topic(poll_topic, "1&operationId=5.1"), "", "poll 1 5.1 "},
        }) {
        Conversation device;
        (void)device.happened();
        (void)device.sends(subscribe());
        EXPECT_THAT(device.sends(publish_packet(row.topic, row.body, 9)),
                    ElementsAre(row.event, "< puback 9"))
            << row.client;
    }
}

TEST(ProvisioningSession, GrantsQos1AtMostAndNothingElse) {
    Conversation device;
    (void)device.happened();
    const Subscribe several{7,
                            {{provisioning_filter, Qos::exactly_once},
                             {"$iothub/twin/res/#", Qos::at_most_once},
                             {"#", Qos::at_least_once}}};
    EXPECT_THAT(device.sends(several), ElementsAre("< suback 7 1 128 128"));
    EXPECT_THAT(device.sends(Unsubscribe{8, {provisioning_filter}}), ElementsAre("< unsuback 8"));
    (void)device.sends(publish_packet(topic(register_topic, "1"), "", 2));
    EXPECT_THAT(device.answered("1", 202, 3s, "{}"), IsEmpty());
    (void)device.sends(subscribe(provisioning_filter, Qos::at_most_once));
    (void)device.sends(publish_packet(topic(register_topic, "1")));
    EXPECT_THAT(device.answered("1", 429, 5s, "{}"),
                ElementsAre("< answer 0 0 $dps/registrations/res/429/?$rid=1&retry-after=5 {}"));
    EXPECT_THAT(device.sends(PingReq{}), ElementsAre("< pingresp"));
}

TEST(ProvisioningSession, ClosesOnWhatIsNotItsOwn) {
    for (const std::string& foreign :
         {std::string("devices/r/messages/events/"), topic(register_topic, ""),
          std::string("$dps/registrations/PUT/iotdps-register/"), topic(poll_topic, "1"),
          topic(poll_topic, "1&operationId="), std::string("$iothub/twin/GET/?$rid=1")}) {
        Conversation device;
        (void)device.happened();
        EXPECT_THAT(device.sends(publish_packet(foreign, "", 1)),
                    ElementsAre("close topic_refused"))
            << foreign;
    }
    Conversation device;
    (void)device.happened();
    EXPECT_THAT(device.sends(connect_packet()), ElementsAre("close second_connect"));
    EXPECT_THAT(device.sends(PingReq{}), IsEmpty());
}

TEST(ProvisioningSession, BoundsWhatOneDeviceAsks) {
    Conversation device;
    (void)device.happened();
    for (std::uint32_t i = 1; i < ProvisioningSession::unanswered_max; ++i)
        (void)device.sends(publish_packet(topic(register_topic, "1"), "", 1));
    EXPECT_FALSE(device.session().congested());
    (void)device.sends(publish_packet(topic(register_topic, "1"), "", 1));
    EXPECT_TRUE(device.session().congested());
    EXPECT_THAT(device.sends(publish_packet(topic(register_topic, "1"), "", 1)),
                ElementsAre("close pipelined_too_much"));
}

TEST(ProvisioningSession, EndsWhoDoesNotProveItselfOrFallsSilent) {
    Conversation stranger(3600s);
    (void)stranger.happened();
    EXPECT_THAT(stranger.at(start + 59s), IsEmpty());
    EXPECT_THAT(stranger.at(start + 60s), ElementsAre("close not_authorized"));
    Conversation device(60s);
    (void)device.happened();
    device.session().proved();
    EXPECT_THAT(device.at(start + 89s), IsEmpty());
    (void)device.sends(PingReq{});
    EXPECT_THAT(device.at(start + 178s), IsEmpty());
    EXPECT_THAT(device.at(start + 179s), ElementsAre("close keep_alive_timeout"));
}

TEST(ProvisioningName, IsToldFromTheHubsUserNames) {
    struct Row {
        const char* user_name;
        const char* client_id;
        const char* scope;  // nullptr: not for the provisioning service
        const char* agent;
    };
    for (const Row& row : {
             Row{"0ne1/registrations/R-1/api-version=2019-03-31&ClientVersion=azure-iot-"
                 "provisioning-device%2F1.9.1",
                 "R-1", "0ne1", "azure-iot-provisioning-device/1.9.1"},
             Row{"0ne1/registrations/r/api-version=2021-06-01", "r", "0ne1", ""},
             Row{"0ne1/registrations/r/?api-version=2019-03-31", "R", "0ne1", ""},
             Row{"0ne1/registrations/r", "r", nullptr, ""},
             Row{"0ne1/registrations/r/", "r", nullptr, ""},
             Row{"0ne1/registrations/r/api-version=2019-03-31", "other", nullptr, ""},
             Row{"/registrations/r/api-version=2019-03-31", "r", nullptr, ""},
             Row{"h.example.com/d/?api-version=2021-04-12", "d", nullptr, ""},
             // A module of a device that has this name.
             Row{"h.example.com/registrations/r/?api-version=2021-04-12", "registrations/r",
                 nullptr, ""},
         }) {
        const auto name = parse_provisioning_name(row.user_name, row.client_id);
        ASSERT_EQ(name.has_value(), row.scope != nullptr) << row.user_name;
        if (!name) continue;
        EXPECT_EQ(name->scope, row.scope);
        EXPECT_EQ(name->registration, row.client_id);
        EXPECT_EQ(name->agent, row.agent);
    }
}

TEST(Session, HandsAProvisioningDeviceOver) {
    Script script;
    Connect connect = connect_packet("r-1", "0ne1/registrations/r-1/api-version=2019-03-31");
    std::string behind;
    encode(subscribe(), behind);
    EXPECT_THAT(script.sends(connect, subscribe()),
                ElementsAre("provision r-1 of 0ne1 with 'token' and " +
                            std::to_string(behind.size()) + " bytes"));
    EXPECT_THAT(script.sends(PingReq{}), IsEmpty());
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
