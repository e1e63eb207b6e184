// `$cbs` with several pairs of links.
#include "gateway/amqp/testing/connection_script.h"

namespace twinhub::gateway::amqp {
namespace {

TEST_F(AmqpConnectionTest, EveryPairOfLinksHearsOfItsOwnTokens) {
    make("d2");
    auto device = open();
    Cbs first = cbs_of(*device);
    Cbs second = cbs_of(*device);
    EXPECT_EQ(put_token(*device, second, "hub.local/devices/d2", token("d2")), 200);
    EXPECT_EQ(put_token(*device, first, "hub.local/devices/d1", token("d1", far, "wrong")), 401);
    EXPECT_EQ(first.down->got.size(), 1u);
    EXPECT_EQ(second.down->got.size(), 1u);
}

TEST_F(AmqpConnectionTest, APairThatWentLeavesItsPlaceToTheNext) {
    auto device = open();
    Cbs first = cbs_of(*device);
    device->client.detach(*first.down);
    settle();
    Cbs second{first.up, &device->client.receiver("$cbs")};
    settle();
    EXPECT_EQ(put_token(*device, second, "hub.local/devices/d1", token("d1")), 200);
    device->client.detach(*first.up);
    device->client.detach(*second.down);
    settle();
    Cbs third = cbs_of(*device);
    EXPECT_EQ(put_token(*device, third, "hub.local/devices/d1", token("d1")), 200);
}

TEST_F(AmqpConnectionTest, APairOfAnotherSessionIsItsOwn) {
    auto device = open();
    Cbs first = cbs_of(*device);
    Client::Session session = device->client.another_session();
    Cbs second{&device->client.sender("$cbs", {.session = session}),
               &device->client.receiver("$cbs", {.session = session})};
    settle();
    EXPECT_EQ(put_token(*device, second, "hub.local/devices/d1", token("d1")), 200);
    EXPECT_EQ(put_token(*device, first, "hub.local/devices/d1", token("d1")), 200);
}

TEST_F(AmqpConnectionTest, ATokenIsSettledBeforeItIsAnswered) {
    auto device = open();
    Cbs cbs = cbs_of(*device);
    device->client.send(*cbs.up, put("hub.local/devices/d1", token("d1"), Value::of_ulong(0)),
                        false);
    device->peer->send(device->client.take_output());
    constexpr std::string_view transfer("\0\x53\x14", 3), disposition("\0\x53\x15", 3);
    std::string& got = device->peer->received;
    hub.run_until([&] { return got.find(transfer) != std::string::npos; });
    EXPECT_LT(got.find(disposition), got.find(transfer));
}

TEST_F(AmqpConnectionTest, TheTokenOfAModuleMayBePutUnderTheNameOfItsDevice) {
    make_module("d1", "m");
    auto device = open();
    Cbs cbs = cbs_of(*device);
    const std::string of_module =
        protocol::sas::make_token({"hub.local/devices/d1/modules/m", key, far, {}});
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d2", of_module), 401);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/d1", of_module), 200);
    EXPECT_TRUE(twin_of(*device, "d1/modules/m").up->attached);
    EXPECT_FALSE(twin_of(*device, "d1").up->attached);
}

TEST_F(AmqpConnectionTest, AModuleListensWhereNothingCanCome) {
    make_module("d1", "m");
    auto device = open();
    Cbs cbs = cbs_of(*device);
    const std::string path = "hub.local/devices/d1/modules/m";
    ASSERT_EQ(put_token(*device, cbs, path, protocol::sas::make_token({path, key, far, {}})), 200);
    for (const char* end : {"devicebound", "events"}) {
        Client::Link& link =
            device->client.receiver("/devices/d1/modules/m/messages/" + std::string(end));
        settle();
        EXPECT_TRUE(link.attached && link.error.empty()) << end;
    }
}

TEST_F(AmqpConnectionTest, ARequestMaySayWhereItsAnswerIsWanted) {
    auto device = open();
    Client::Link& up = device->client.sender("$cbs");
    Client::Link& one = device->client.receiver("$cbs", {.own_address = "one"});
    Client::Link& two = device->client.receiver("$cbs", {.own_address = "two"});
    settle();
    wire::Message request = put("hub.local/devices/d1", token("d1"), Value::of_ulong(7));
    request.reply_to = "two";
    device->client.send(up, request, false);
    until([&] { return !two.got.empty(); });
    EXPECT_TRUE(one.got.empty());
    EXPECT_EQ(two.got[0].message.correlation_id, Value::of_ulong(7));
}

}  // namespace
}  // namespace twinhub::gateway::amqp
