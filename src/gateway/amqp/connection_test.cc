#include "gateway/amqp/testing/connection_script.h"

namespace twinhub::gateway::amqp {
namespace {

TEST_F(AmqpConnectionTest, ADeviceProvesItselfAndReadsItsTwin) {
    Ready ready = connected("d1");
    EXPECT_TRUE(is_connected("d1"));
    ready.device->client.send(*ready.twin.up, get(Value::of_string("one")));
    until([&] { return !ready.twin.down->got.empty(); });
    const auto& got = ready.twin.down->got[0];
    EXPECT_EQ(status_of(got.message), 200);
    EXPECT_EQ(got.message.correlation_id, Value::of_string("one"));
    EXPECT_TRUE(got.settled);
    EXPECT_EQ(got.message.body(), R"({"desired":{"$version":1},"reported":{"$version":1}})");
}

TEST_F(AmqpConnectionTest, ReportsAreAnsweredWithTheirVersion) {
    Ready ready = connected("d1");
    Client& client = ready.device->client;
    client.send(*ready.twin.up, report(Value::of_ulong(1), R"({"a":1})"));
    client.send(*ready.twin.up, report(Value::of_ulong(2), R"({"a.b":1})"));
    client.send(*ready.twin.up, with_annotations({}, "", Value::of_ulong(3)));
    until([&] { return ready.twin.down->got.size() == 3; });
    for (const auto& got : ready.twin.down->got) {
        const auto id = got.message.correlation_id.number;
        EXPECT_EQ(status_of(got.message), id == 1 ? 204 : 400);
        if (id == 1) {
            EXPECT_EQ(*wire::find(got.message.annotations, "version"), Value::of_long(2));
            EXPECT_EQ(got.message.body(), "");
        } else {
            EXPECT_THAT(got.message.body(), HasSubstr("\"errorCode\":400"));
        }
    }
}

TEST_F(AmqpConnectionTest, DesiredChangesComeBetweenSubscribingAndLeaving) {
    Ready ready = connected("d1");
    patch("d1", R"({"properties":{"desired":{"before":1}}})");
    settle();
    EXPECT_TRUE(ready.twin.down->got.empty());
    ready.device->client.send(*ready.twin.up, subscribe(Value::of_string("s")));
    until([&] { return ready.twin.down->got.size() == 1; });
    patch("d1", R"({"properties":{"desired":{"x":2}}})");
    until([&] { return ready.twin.down->got.size() == 2; });
    const wire::Message& change = ready.twin.down->got[1].message;
    EXPECT_TRUE(change.correlation_id.is_null());
    EXPECT_EQ(change.body(), R"({"x":2,"$version":3})");
    EXPECT_EQ(*wire::find(change.annotations, "version"), Value::of_long(3));
}

TEST_F(AmqpConnectionTest, AnswersWaitForAReceiverThatComesLater) {
    auto device = open();
    Cbs cbs = cbs_of(*device);
    ASSERT_EQ(put_token(*device, cbs, "hub.local/devices/d1", token("d1")), 200);
    Client::Link& up = device->client.sender("amqps://hub.local:5671/devices/d1/twin");
    settle();
    ASSERT_TRUE(up.attached);
    device->client.send(up, get(Value::of_string("early")));
    settle();
    Client::Link& down =
        device->client.receiver("amqps://hub.local/devices/d1/twin", {.credit = 0});
    settle();
    EXPECT_TRUE(down.got.empty());
    pn_link_flow(down.link, 10);
    until([&] { return down.got.size() == 1; });
    EXPECT_EQ(status_of(down.got[0].message), 200);
}

TEST_F(AmqpConnectionTest, RefusesTokensThatAreNotGood) {
    auto device = open();
    Cbs cbs = cbs_of(*device);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d1", token("d1", far, "wrong")), 401);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d1", token("d1", 1)), 401);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d2", token("d1")), 401);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/nobody", token("nobody")), 401);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d1", "no token"), 401);
    EXPECT_EQ(put_token(*device, cbs, "other/devices/d1",
                        protocol::sas::make_token({"other/devices/d1", key, far, {}})),
              401);
    EXPECT_EQ(put_token(*device, cbs, "", token("d1")), 400);
    Twin twin = twin_of(*device, "d1");
    EXPECT_FALSE(twin.up->attached);
    EXPECT_EQ(twin.up->error, "amqp:unauthorized-access");
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d1", token("d1")), 200);
    EXPECT_TRUE(twin_of(*device, "d1").up->attached);
}

TEST_F(AmqpConnectionTest, RefusesAddressesThatAreNotThere) {
    Ready ready = connected("d1");
    Client::Link& nowhere = ready.device->client.sender("/devices/d1/nothing");
    Client::Link& wrong_way = ready.device->client.sender("/devices/d1/messages/devicebound");
    Client::Link& other = ready.device->client.sender("/devices/d2/twin");
    settle();
    EXPECT_EQ(nowhere.error, "amqp:not-found");
    EXPECT_EQ(wrong_way.error, "amqp:not-allowed");
    EXPECT_NE(other.error, "");
    EXPECT_FALSE(ready.device->client.closed());
}

TEST_F(AmqpConnectionTest, SeveralDevicesShareAConnection) {
    make("d2");
    make("d@3");
    Ready ready = connected("d1");
    ASSERT_EQ(put_token(*ready.device, ready.cbs, "hub.local/devices/d2", token("d2")), 200);
    ASSERT_EQ(put_token(*ready.device, ready.cbs, "hub.local/devices/d@3", token("d@3")), 200);
    Twin second = twin_of(*ready.device, "d2", ready.device->client.another_session());
    Twin third = twin_of(*ready.device, "d%403", ready.device->client.another_session());
    ASSERT_TRUE(second.down->attached);
    ASSERT_TRUE(third.down->attached);
    ready.device->client.send(*third.up, report(Value::of_string("r"), R"({"mine":3})"));
    ready.device->client.send(*second.up, get(Value::of_string("g")));
    until([&] { return third.down->got.size() == 1 && second.down->got.size() == 1; });
    EXPECT_EQ(status_of(third.down->got[0].message), 204);
    EXPECT_THAT(second.down->got[0].message.body(), Not(HasSubstr("mine")));
    EXPECT_TRUE(is_connected("d@3"));
    ready.device->client.detach(*third.up);
    ready.device->client.detach(*third.down);
    settle();
    EXPECT_FALSE(is_connected("d@3"));
    EXPECT_TRUE(is_connected("d2"));
}

TEST_F(AmqpConnectionTest, TelemetryIsAcknowledgedAndHeard) {
    Ready ready = connected("d1");
    std::vector<std::shared_ptr<const hub::DeviceEvent>> heard;
    const auto listening = hub.hub().device_events().listen(
        hub.executor(), 10, [&](auto event) { heard.push_back(std::move(event)); });
    Client::Link& up = ready.device->client.sender("/devices/d1/messages/events");
    settle();
    wire::Message message;
    message.application_properties = {{"level", Value::of_string("1")}};
    message.message_id = Value::of_string("m");
    message.data = {"hot"};
    ready.device->client.send(up, message, false, "t");
    until([&] { return up.sent["t"].settled && heard.size() == 1; });
    EXPECT_EQ(up.sent["t"].state, PN_ACCEPTED);
    EXPECT_EQ(heard[0]->payload, "hot");
    EXPECT_THAT(heard[0]->properties,
                ElementsAre(std::pair<std::string, std::string>("level", "1"),
                            std::pair<std::string, std::string>("$.mid", "m")));
    ready.device->client.send_bytes(up, "\xff", false, "bad");
    until([&] { return up.sent["bad"].settled; });
    EXPECT_EQ(up.sent["bad"].state, PN_REJECTED);
    EXPECT_EQ(up.sent["bad"].error, "com.microsoft:argument-error");
}

TEST_F(AmqpConnectionTest, ALinkNamesTheModelOfADeviceThatItsTokenHasConnected) {
    Ready ready = connected("d1");
    const auto named = [&](const std::string& model) -> Client::Link& {
        Client::Link& link = ready.device->client.sender(
            "/devices/d1/messages/events",
            {.properties = {{"com.microsoft:model-id", Value::of_string(model)}}});
        settle();
        return link;
    };
    EXPECT_TRUE(named("dtmi:com:example:Fan;1").attached);
    const auto model_of = [&] { return wait(hub.hub().twins().get(id_of("d1")))->twin.model_id; };
    while (model_of() != "dtmi:com:example:Fan;1") hub.run_ready();
    EXPECT_EQ(named(std::string(3000, 'x')).error, "com.microsoft:argument-error");
    EXPECT_EQ(named("\xff").error, "com.microsoft:argument-error");
    EXPECT_EQ(model_of(), "dtmi:com:example:Fan;1");
}

TEST_F(AmqpConnectionTest, ANewConnectionTakesOver) {
    Ready first = connected("d1");
    Ready second = connected("d1");
    settle();
    EXPECT_TRUE(first.device->peer->closed);
    EXPECT_TRUE(is_connected("d1"));
    second.device->client.send(*second.twin.up, get(Value::of_string("x")));
    until([&] { return !second.twin.down->got.empty(); });
}

TEST_F(AmqpConnectionTest, OfASharedConnectionOnlyTheLinksOfTheOneAreStolen) {
    make("d2");
    Ready shared = connected("d1");
    ASSERT_EQ(put_token(*shared.device, shared.cbs, "hub.local/devices/d2", token("d2")), 200);
    Twin second = twin_of(*shared.device, "d2", shared.device->client.another_session());
    Ready thief = connected("d2");
    settle();
    EXPECT_FALSE(shared.device->peer->closed);
    EXPECT_EQ(second.up->error, "amqp:link:stolen");
    EXPECT_TRUE(shared.twin.up->error.empty());
    // It may come back, and takes over in its turn.
    Twin again = twin_of(*shared.device, "d2", shared.device->client.another_session());
    EXPECT_TRUE(again.up->attached);
    EXPECT_TRUE(thief.device->peer->closed);
}

TEST_F(AmqpConnectionTest, ATokenAloneConnectsADevice) {
    auto first = open();
    Cbs cbs = cbs_of(*first);
    ASSERT_EQ(put_token(*first, cbs, "hub.local/devices/d1", token("d1")), 200);
    EXPECT_TRUE(is_connected("d1"));
    // Renewing it changes nothing.
    ASSERT_EQ(put_token(*first, cbs, "hub.local/devices/d1", token("d1", far + 1)), 200);
    EXPECT_TRUE(is_connected("d1"));
    auto second = open();
    Cbs other = cbs_of(*second);
    ASSERT_EQ(put_token(*second, other, "hub.local/devices/d1", token("d1")), 200);
    settle();
    EXPECT_TRUE(first->peer->closed);
    EXPECT_FALSE(second->peer->closed);
}

TEST_F(AmqpConnectionTest, ADeviceThatIsDeletedLosesItsConnection) {
    Ready ready = connected("d1");
    ASSERT_TRUE(wait(hub.hub().registry().remove(id_of("d1"), twin::Match::any(), {})).has_value());
    settle();
    EXPECT_TRUE(ready.device->peer->closed);
}

TEST_F(AmqpConnectionTest, WhoProvesNothingIsSentAwayInTime) {
    auto device = open();
    cbs_of(*device);
    hub.clock().advance(settings.authorise_within + std::chrono::seconds{2});
    deadlines.advance(hub.clock().monotonic());
    settle();
    EXPECT_TRUE(device->peer->closed);
    EXPECT_EQ(device->client.error(), "amqp:unauthorized-access");
}

TEST_F(AmqpConnectionTest, ATokenThatIsRenewedKeepsEverything) {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(hub.clock().now().time_since_epoch())
            .count();
    const auto expiry = static_cast<std::uint64_t>(now + 600);
    Ready ready = connected("d1", expiry);
    const auto pass = [&](std::chrono::seconds time) {
        // In steps, with heartbeats as a client sends them.
        for (std::chrono::seconds passed{0}; passed < time; passed += std::chrono::seconds{100}) {
            hub.clock().advance(std::chrono::seconds{100});
            ready.device->client.send(*ready.twin.up, get(Value::of_string("alive")));
            settle();
            deadlines.advance(hub.clock().monotonic());
            settle();
        }
    };
    pass(std::chrono::seconds{500});
    ASSERT_EQ(
        put_token(*ready.device, ready.cbs, "hub.local/devices/d1", token("d1", expiry + 600)),
        200);
    pass(std::chrono::seconds{900});  // 1400 of 1200 + 300
    EXPECT_TRUE(ready.twin.up->error.empty());
    EXPECT_FALSE(ready.device->peer->closed);
    pass(std::chrono::seconds{200});
    EXPECT_TRUE(ready.device->peer->closed);
    EXPECT_FALSE(is_connected("d1"));
}

TEST_F(AmqpConnectionTest, OfASharedConnectionOnlyTheExpiredIdentityEnds) {
    make("d2");
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(hub.clock().now().time_since_epoch())
            .count();
    Ready shared = connected("d1", static_cast<std::uint64_t>(now + 10));
    ASSERT_EQ(put_token(*shared.device, shared.cbs, "hub.local/devices/d2", token("d2")), 200);
    Twin second = twin_of(*shared.device, "d2", shared.device->client.another_session());
    hub.clock().advance(std::chrono::seconds{312});
    deadlines.advance(hub.clock().monotonic());
    settle();
    EXPECT_EQ(shared.twin.up->error, "amqp:unauthorized-access");
    EXPECT_FALSE(shared.device->peer->closed);
    EXPECT_TRUE(second.up->error.empty());
    EXPECT_FALSE(is_connected("d1"));
    EXPECT_TRUE(is_connected("d2"));
}

TEST_F(AmqpConnectionTest, AReceiverWithoutCreditIsNotWaitedForWithoutEnd) {
    Ready ready = connected("d1");
    Client::Session session = ready.device->client.another_session();
    Client::Link& up = ready.device->client.sender("/devices/d1/twin", {.session = session});
    Client::Link& down =
        ready.device->client.receiver("/devices/d1/twin", {.credit = 0, .session = session});
    settle();
    for (int i = 0; i < 130 && down.error.empty(); ++i) {
        ready.device->client.send(up, get(Value::of_ulong(static_cast<std::uint64_t>(i))));
        if (i % 20 == 0) settle();
    }
    settle();
    EXPECT_EQ(down.error, "amqp:resource-limit-exceeded");
    EXPECT_TRUE(ready.twin.down->error.empty());
}

TEST_F(AmqpConnectionTest, AGatewayConnectsDevicesWithOnePolicysToken) {
    make("d2");
    auto device = open();
    Cbs cbs = cbs_of(*device);
    ASSERT_EQ(put_token(*device, cbs, "hub.local", policy_token("device")), 200);
    Twin first = twin_of(*device, "d1");
    Twin second = twin_of(*device, "d2", device->client.another_session());
    EXPECT_TRUE(first.up->attached);
    EXPECT_TRUE(second.up->attached);
    // The right to ask for it belongs to this policy, not to another.
    auto service = open();
    Cbs other = cbs_of(*service);
    ASSERT_EQ(put_token(*service, other, "hub.local", policy_token("service")), 200);
    EXPECT_EQ(twin_of(*service, "d1").up->error, "amqp:unauthorized-access");
}

TEST_F(AmqpConnectionTest, MalformedBytesCloseTheConnection) {
    auto device = open();
    device->peer->send(std::string("\0\0\0\x0c\2\0\0\0\0\0\0\0", 12));
    hub.run_ready();
    EXPECT_TRUE(device->peer->closed);
}

}  // namespace
}  // namespace twinhub::gateway::amqp
