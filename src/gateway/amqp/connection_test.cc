#include "gateway/amqp/connection.h"

#include "base/encoding.h"
#include "gateway/testing/fake_transport.h"
#include "hub/testing/hub_on_memory.h"
#include "protocol/amqp/client.h"
#include "protocol/sas/token.h"
#include "twin/update.h"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <proton/delivery.h>
#include <proton/link.h>

#include <optional>

namespace twinhub::gateway::amqp {
namespace {

namespace wire = protocol::amqp;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wire::Client;
using wire::Value;

const std::string key(32, 'k');
constexpr std::uint64_t far = 4'000'000'000;

wire::Message with_annotations(wire::Fields annotations, std::string_view body,
                               const Value& correlation) {
    wire::Message message;
    message.annotations = std::move(annotations);
    message.correlation_id = correlation;
    if (!body.empty()) message.data = {std::string(body)};
    return message;
}
wire::Message get(const Value& id) {
    return with_annotations({{"operation", Value::of_string("GET")}}, " ", id);
}
wire::Message report(const Value& id, std::string_view body) {
    return with_annotations({{"operation", Value::of_string("PATCH")},
                             {"resource", Value::of_string("/properties/reported")}},
                            body, id);
}
wire::Message subscribe(const Value& id) {
    return with_annotations(
        {{"operation", Value::of_string("PUT")},
         {"resource", Value::of_string("/notifications/twin/properties/desired")}},
        " ", id);
}
std::int64_t status_of(const wire::Message& message) {
    const Value* status = wire::find(message.annotations, "status");
    EXPECT_TRUE(status != nullptr && status->type == wire::Type::int_);
    return status != nullptr ? wire::integer_of(*status).value_or(0) : 0;
}

// A hub on one loop with its AMQP door, and Proton at the other end of transports in memory.
struct AmqpConnectionTest : ::testing::Test {
    explicit AmqpConnectionTest(AmqpSettings chosen = {}) : settings(std::move(chosen)) {
        context.emplace(hub.hub(), hub.hub().shards().at(0), deadlines, metrics, settings);
        context->introduce({&*context});
        make("d1");
    }
    ~AmqpConnectionTest() override {
        context->stop();
        hub.run_ready();
        // What was under way, a commit, still comes to its end.
        for (const auto& device : devices) hub.run_until([&] { return device->peer->gone; });
        EXPECT_EQ(context->connections(), 0u);
        EXPECT_EQ(context->delegates(), 0u);
        EXPECT_EQ(metrics.connections.Value(), 0);
        EXPECT_EQ(metrics.links.Value(), 0);
    }

    // One client: Proton and the peer's end of a transport.
    struct Device {
        std::shared_ptr<FakePeer> peer = std::make_shared<FakePeer>();
        Client client;
        void exchange() {
            client.receive(std::exchange(peer->received, {}));
            if (const std::string out = client.take_output(); !out.empty()) peer->send(out);
        }
    };

    static TwinId id_of(std::string_view device) { return {DeviceId::parse(device).value(), {}}; }
    template <class T>
    T wait(Task<T> task) {
        std::optional<T> result;
        asio::co_spawn(hub.executor(), std::move(task),
                       [&](std::exception_ptr, T value) { result = std::move(value); });
        hub.run_until([&] { return result.has_value(); });
        return std::move(*result);
    }
    void make(std::string_view device) {
        hub::IdentitySpec made;
        made.id = id_of(device);
        made.authentication.emplace();
        made.authentication->type = hub::AuthenticationType::sas;
        made.authentication->primary_key = made.authentication->secondary_key = base64_encode(key);
        ASSERT_TRUE(wait(hub.hub().registry().create(made, {})).has_value());
    }
    void patch(std::string_view device, std::string_view body) {
        auto update = twin::parse_service_update(body, twin::Kind::patch);
        ASSERT_TRUE(update.has_value());
        ASSERT_TRUE(wait(hub.hub().twins().update(id_of(device), std::move(*update),
                                                  twin::Match::any(), {}))
                        .has_value());
    }

    std::shared_ptr<Device> open() {
        auto device = std::make_shared<Device>();
        devices.push_back(device);
        context->serve(std::make_unique<FakeTransport>(hub.executor(), device->peer));
        settle();
        return device;
    }
    // Until nobody has anything to say.
    void settle() {
        for (int round = 0; round < 60; ++round) {
            for (const auto& device : devices) device->exchange();
            hub.run_ready();
        }
    }
    template <class Condition>
    void until(Condition condition) {
        hub.run_until([&] {
            for (const auto& device : devices) device->exchange();
            return condition();
        });
    }

    static std::string token(std::string_view device, std::uint64_t expiry = far,
                             std::string_view with_key = key) {
        return protocol::sas::make_token(
            {"hub.local/devices/" + std::string(device), with_key, expiry, {}});
    }
    static std::string policy_token(std::string_view policy, std::uint64_t expiry = far) {
        return protocol::sas::make_token(
            {"hub.local", hub::HubOnMemory::key_of(policy), expiry, policy});
    }
    static wire::Message put(std::string_view audience, std::string_view token, Value id) {
        wire::Message message;
        message.message_id = std::move(id);
        message.to = "$cbs";
        message.reply_to = "cbs";
        message.application_properties = {
            {"operation", Value::of_string("put-token")},
            {"type", Value::of_string("servicebus.windows.net:sastoken")},
            {"name", Value::of_string(audience)}};
        message.value = Value::of_string(token);
        return message;
    }
    struct Cbs {
        Client::Link* up = nullptr;
        Client::Link* down = nullptr;
    };
    Cbs cbs_of(Device& device) {
        Cbs cbs{&device.client.sender("$cbs"), &device.client.receiver("$cbs")};
        settle();
        return cbs;
    }
    std::int64_t put_token(Device& device, Cbs& cbs, std::string_view audience,
                           std::string_view token) {
        const std::size_t before = cbs.down->got.size();
        device.client.send(*cbs.up, put(audience, token, Value::of_string("id")), false);
        until([&] { return cbs.down->got.size() > before || device.peer->closed; });
        if (cbs.down->got.size() == before) return 0;
        const auto& properties = cbs.down->got.back().message.application_properties;
        return wire::integer_of(*wire::find(properties, "status-code")).value_or(0);
    }
    struct Twin {
        Client::Link* up = nullptr;
        Client::Link* down = nullptr;
    };
    Twin twin_of(Device& device, const std::string& id, Client::Session session = nullptr) {
        const std::string address = "/devices/" + id + "/twin";
        Twin twin;
        twin.up = &device.client.sender(address, {.snd_settle_mode = 1, .session = session});
        twin.down = &device.client.receiver(address, {.snd_settle_mode = 1, .session = session});
        settle();
        return twin;
    }
    // A device that has put its token and attached its twin links.
    struct Ready {
        std::shared_ptr<Device> device;
        Cbs cbs;
        Twin twin;
    };
    Ready connected(const std::string& id, std::uint64_t expiry = far) {
        Ready ready;
        ready.device = open();
        ready.cbs = cbs_of(*ready.device);
        EXPECT_EQ(put_token(*ready.device, ready.cbs, "hub.local/devices/" + id, token(id, expiry)),
                  200);
        ready.twin = twin_of(*ready.device, id);
        EXPECT_TRUE(ready.twin.up->attached);
        EXPECT_TRUE(ready.twin.down->attached);
        return ready;
    }
    bool is_connected(std::string_view id) {
        const auto view = wait(hub.hub().shards().of(id_of(id).device).identity(id_of(id)));
        return view && view->presence.connected;
    }

    hub::HubOnMemory hub;
    prometheus::Registry registry;
    AmqpMetrics metrics{registry};
    Deadlines deadlines{hub.clock().monotonic()};
    AmqpSettings settings;
    std::optional<AmqpContext> context;
    std::vector<std::shared_ptr<Device>> devices;
};

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

// --- methods and messages ---------------------------------------------------------------------

TEST_F(AmqpConnectionTest, AMethodIsDoneOverItsTwoLinks) {
    Ready ready = connected("d1");
    const std::string address = "amqps://hub.local/devices/d1/methods/deviceBound";
    Client::Link& up = ready.device->client.sender(address);
    Client::Link& down = ready.device->client.receiver(address);
    settle();
    std::optional<Result<hub::MethodResult>> result;
    asio::co_spawn(
        hub.executor(),
        hub.hub().methods().invoke(id_of("d1"), {.name = "reboot", .payload = "[1]"}, {}),
        [&](std::exception_ptr, Result<hub::MethodResult> done) { result = done; });
    until([&] { return !down.got.empty(); });
    const wire::Message& request = down.got[0].message;
    EXPECT_EQ(request.correlation_id.type, wire::Type::uuid);
    EXPECT_EQ(request.body(), "[1]");
    wire::Message answer;
    answer.correlation_id = request.correlation_id;
    answer.application_properties = {{"IoThub-status", Value::of_int(-1)}};
    answer.data = {R"({"done":true})"};
    ready.device->client.send(up, answer, false);
    until([&] { return result.has_value(); });
    ASSERT_TRUE(result->has_value());
    EXPECT_EQ((*result)->status, -1);
    EXPECT_EQ((*result)->payload, R"({"done":true})");
    // With one of the links gone it takes no methods any more.
    ready.device->client.detach(up);
    settle();
    const auto refused = wait(hub.hub().methods().invoke(id_of("d1"), {.name = "reboot"}, {}));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::device_not_online);
}

struct AmqpMessagesTest : AmqpConnectionTest {
    // A service with its policy's token.
    struct Service {
        std::shared_ptr<Device> device;
        Client::Link* up = nullptr;
    };
    Service service() {
        Service made{open(), nullptr};
        Cbs cbs = cbs_of(*made.device);
        EXPECT_EQ(put_token(*made.device, cbs, "hub.local", policy_token("service")), 200);
        made.up = &made.device->client.sender("/messages/devicebound");
        settle();
        EXPECT_TRUE(made.up->attached);
        return made;
    }
    static wire::Message message_to(std::string_view to, std::string_view body,
                                    std::string_view ack = "none") {
        wire::Message message;
        message.message_id = Value::of_string(body);
        message.to = to;
        message.application_properties = {{"iothub-ack", Value::of_string(ack)},
                                          {"a", Value::of_string("b")}};
        message.data = {std::string(body)};
        return message;
    }
    // What became of the message `tag`: its state and error.
    std::pair<std::uint64_t, std::string> outcome_of(Service& from, std::string_view to,
                                                     const std::string& tag,
                                                     std::string_view ack = "none") {
        from.device->client.send(*from.up, message_to(to, tag, ack), false, tag);
        until([&] { return from.up->sent[tag].settled; });
        return {from.up->sent[tag].state, from.up->sent[tag].error};
    }
};

constexpr const char* to_d1 = "/devices/d1/messages/devicebound";

TEST_F(AmqpMessagesTest, AMessageGoesFromServiceToDevice) {
    Service from = service();
    EXPECT_EQ(outcome_of(from, to_d1, "m1").first, PN_ACCEPTED);
    Ready ready = connected("d1");
    Client::Link& down = ready.device->client.receiver(to_d1, {.rcv_settle_mode = 1});
    until([&] { return down.got.size() == 1; });
    const wire::Message& got = down.got[0].message;
    EXPECT_EQ(got.body(), "m1");
    EXPECT_EQ(got.to, to_d1);
    EXPECT_EQ(got.message_id, Value::of_string("m1"));
    EXPECT_EQ(*wire::find(got.application_properties, "a"), Value::of_string("b"));
    EXPECT_EQ(down.got[0].tag.size(), 16u);
    pn_delivery_update(down.got[0].delivery, PN_ACCEPTED);
    until([&] { return pn_delivery_settled(down.got[0].delivery); });
    ready.device->client.settle(down.got[0], PN_ACCEPTED);
    EXPECT_EQ(outcome_of(from, to_d1, "m2").first, PN_ACCEPTED);
    until([&] { return down.got.size() == 2; });
}

TEST_F(AmqpMessagesTest, AnAbandonedMessageComesAgainARejectedOneDoesNot) {
    Service from = service();
    Ready ready = connected("d1");
    Client::Link& down = ready.device->client.receiver(to_d1);
    settle();
    ASSERT_EQ(outcome_of(from, to_d1, "m").first, PN_ACCEPTED);
    until([&] { return down.got.size() == 1; });
    ready.device->client.settle(down.got[0], PN_RELEASED);
    until([&] { return down.got.size() == 2; });
    EXPECT_EQ(down.got[1].message.body(), "m");
    EXPECT_EQ(down.got[1].message.delivery_count, 1u);
    ready.device->client.settle(down.got[1], PN_REJECTED);
    ASSERT_EQ(outcome_of(from, to_d1, "n").first, PN_ACCEPTED);
    until([&] { return down.got.size() == 3; });
    EXPECT_EQ(down.got[2].message.body(), "n");
}

TEST_F(AmqpMessagesTest, OnlyAsManyComeAsThereIsCreditFor) {
    Service from = service();
    Ready ready = connected("d1");
    Client::Link& down = ready.device->client.receiver(to_d1, {.credit = 2});
    settle();
    for (const char* tag : {"1", "2", "3"})
        ASSERT_EQ(outcome_of(from, to_d1, tag).first, PN_ACCEPTED);
    until([&] { return down.got.size() == 2; });
    settle();
    EXPECT_EQ(down.got.size(), 2u);
    pn_link_flow(down.link, 1);
    until([&] { return down.got.size() == 3; });
}

TEST_F(AmqpMessagesTest, WhatADeviceDidNotSettleComesAgainWhenItsLinkHasGone) {
    Service from = service();
    Ready ready = connected("d1");
    Client::Link& down = ready.device->client.receiver(to_d1);
    settle();
    ASSERT_EQ(outcome_of(from, to_d1, "m").first, PN_ACCEPTED);
    until([&] { return down.got.size() == 1; });
    ready.device->client.detach(down);
    settle();
    Client::Link& again = ready.device->client.receiver(to_d1);
    until([&] { return again.got.size() == 1; });
    EXPECT_EQ(again.got[0].message.body(), "m");
}

TEST_F(AmqpMessagesTest, RefusesMessagesThatCannotBeDelivered) {
    Service from = service();
    using Refused = std::pair<std::uint64_t, std::string>;
    EXPECT_EQ(outcome_of(from, "/devices/nobody/messages/devicebound", "1"),
              (Refused{PN_REJECTED, "amqp:not-found"}));
    EXPECT_EQ(outcome_of(from, "", "2"), (Refused{PN_REJECTED, "amqp:not-found"}));
    EXPECT_EQ(outcome_of(from, to_d1, "3", "perhaps"),
              (Refused{PN_REJECTED, "com.microsoft:argument-error"}));
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(outcome_of(from, to_d1, "full" + std::to_string(i)).first, PN_ACCEPTED);
    EXPECT_EQ(outcome_of(from, to_d1, "over"),
              (Refused{PN_REJECTED, "amqp:resource-limit-exceeded"}));
}

TEST_F(AmqpMessagesTest, ServiceLinksNeedTheRight) {
    auto device = open();
    Cbs cbs = cbs_of(*device);
    ASSERT_EQ(put_token(*device, cbs, "hub.local", policy_token("device")), 200);
    Client::Link& up = device->client.sender("/messages/devicebound");
    Client::Link& feedback = device->client.receiver("/messages/serviceBound/feedback");
    settle();
    EXPECT_EQ(up.error, "amqp:unauthorized-access");
    EXPECT_EQ(feedback.error, "amqp:unauthorized-access");
    Ready own = connected("d1");
    Client::Link& other = own.device->client.sender("/messages/devicebound");
    settle();
    EXPECT_EQ(other.error, "amqp:unauthorized-access");
}

TEST_F(AmqpMessagesTest, FeedbackTellsWhatBecameOfAMessage) {
    Service from = service();
    Client::Link& feedback = from.device->client.receiver("/messages/serviceBound/feedback");
    Client::Link& files = from.device->client.receiver("/messages/serviceBound/filenotifications");
    settle();
    EXPECT_TRUE(files.attached);
    Ready ready = connected("d1");
    Client::Link& down = ready.device->client.receiver(to_d1);
    settle();
    ASSERT_EQ(outcome_of(from, to_d1, "asked", "full").first, PN_ACCEPTED);
    until([&] { return down.got.size() == 1; });
    ready.device->client.settle(down.got[0], PN_ACCEPTED);
    until([&] { return feedback.got.size() == 1; });
    const wire::Message& news = feedback.got[0].message;
    EXPECT_EQ(news.content_type, "application/vnd.microsoft.iothub.feedback.json");
    EXPECT_THAT(news.body(), HasSubstr(R"("originalMessageId":"asked")"));
    from.device->client.settle(feedback.got[0], PN_RELEASED);
    until([&] { return feedback.got.size() == 2; });
    from.device->client.settle(feedback.got[1], PN_ACCEPTED);
    settle();
    EXPECT_EQ(feedback.got.size(), 2u);
}

// --- SASL PLAIN ----------------------------------------------------------------------------------

std::string plain(std::string_view user, std::string_view password) {
    std::string response(1, '\0');
    response += user;
    response += '\0';
    response += password;
    std::string items;
    wire::append(items, Value::of_symbol("PLAIN"));
    wire::append(items, Value::of_binary(response));
    std::string body("\0\x53\x41", 3);
    wire::append_list(body, items, 2);
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8)
        frame += static_cast<char>((body.size() + 8) >> shift);
    frame += std::string_view("\2\1\0\0", 4);
    return std::string(wire::sasl_header) + frame + body;
}

TEST_F(AmqpConnectionTest, PlainSaysWhoADeviceIs) {
    struct Case {
        std::string user;
        std::string password;
        bool accepted;
    };
    for (const Case& c : std::vector<Case>{
             {"d1@sas.hub", token("d1"), true},
             {"d1@sas.other", token("d1"), false},
             {"d2@sas.hub", token("d1"), false},
             {"d1@sas.hub", token("d1", 1), false},
             {"device@sas.root.hub", policy_token("device"), true},
             {"service@sas.root.hub", policy_token("device"), false},
             {"d1", token("d1"), false},
         }) {
        auto device = std::make_shared<Device>();
        context->serve(std::make_unique<FakeTransport>(hub.executor(), device->peer));
        device->peer->send(plain(c.user, c.password));
        hub.run_until([&] {
            return device->peer->closed ||
                   device->peer->received.find("\x53\x44\xc0") != std::string::npos;
        });
        EXPECT_EQ(!device->peer->closed, c.accepted) << c.user;
        if (!c.accepted) continue;
        // Behind the mechanisms comes the outcome, then AMQP without any token.
        const std::string& got = device->peer->received;
        device->peer->received =
            got.substr(got.rfind(std::string("\x53\x44\xc0\x03\x01\x50\0", 7)) + 7);
        devices.push_back(device);
        EXPECT_TRUE(twin_of(*device, "d1").up->attached) << c.user;
    }
}

TEST_F(AmqpConnectionTest, MalformedBytesCloseTheConnection) {
    auto device = open();
    device->peer->send(std::string("\0\0\0\x0c\2\0\0\0\0\0\0\0", 12));
    hub.run_ready();
    EXPECT_TRUE(device->peer->closed);
}

}  // namespace
}  // namespace twinhub::gateway::amqp
