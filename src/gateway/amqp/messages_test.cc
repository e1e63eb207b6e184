// Methods, messages to devices and their feedback over AMQP.
#include "gateway/amqp/testing/connection_script.h"

namespace twinhub::gateway::amqp {
namespace {

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

}  // namespace
}  // namespace twinhub::gateway::amqp
