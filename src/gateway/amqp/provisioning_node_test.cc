// Devices that ask for their hub over AMQP (spec device-protocols 7.4).
#include "gateway/amqp/testing/connection_script.h"
#include "gateway/amqp/testing/sasl_plain.h"
#include "provisioning/provisioning.h"

namespace twinhub::gateway::amqp {
namespace {

namespace dps = twinhub::provisioning;

constexpr const char* scope = "0ne0000000A";

struct ProvisioningNodeTest : AmqpConnectionTest {
    ProvisioningNodeTest() {
        dps::Settings chosen;
        chosen.id_scope = scope;
        chosen.hubs = {{.host = "hub.local"}};
        chosen.rates = {0, 0, 0};
        auto opened = dps::Provisioning::open(chosen, hub.hub(), dps_metrics, {});
        CHECK(opened.has_value());
        service = std::move(*opened);
        context.emplace(hub.hub(), hub.hub().shards().at(0), deadlines, metrics, settings,
                        service.get());
        context->introduce({&*context});
        dps::EnrollmentWish wish;
        wish.enrollment.id = dps::ProvisioningId::parse("reg-01").value();
        wish.enrollment.attestation = dps::SymmetricKeys{base64_encode(key), base64_encode(key)};
        EXPECT_TRUE(wait(service->put(wish, {})).has_value());
    }
    ~ProvisioningNodeTest() override {
        // The service goes before the connections' context, which knows it.
        context->stop();
        hub.run_ready();
    }

    static std::string address(std::string_view id = "reg-01") {
        return std::string(scope) + "/registrations/" + std::string(id);
    }
    static std::string sas(std::string_view with_key = key) {
        return protocol::sas::make_token({address(), with_key, far, "registration"});
    }

    struct Asking {
        std::shared_ptr<Device> device;
        Client::Link* up = nullptr;
        Client::Link* down = nullptr;
    };
    Asking asking(const std::string& token, const std::string& to = address()) {
        Asking asking;
        asking.device = std::make_shared<Device>();
        context->serve(std::make_unique<FakeTransport>(hub.executor(), asking.device->peer));
        sign_in_plain(hub, *asking.device->peer, address(), token);
        devices.push_back(asking.device);
        asking.up = &asking.device->client.sender(to);
        asking.down = &asking.device->client.receiver(to);
        settle();
        return asking;
    }

    static wire::Message request(std::string_view type, std::string_view operation = {},
                                 const Value& correlation = Value::of_string("c1")) {
        wire::Message message;
        message.correlation_id = correlation;
        message.application_properties = {{"iotdps-operation-type", Value::of_string(type)}};
        if (!operation.empty())
            message.application_properties.emplace_back("iotdps-operation-id",
                                                        Value::of_string(operation));
        message.data = {"{}"};
        return message;
    }
    // What became of the request itself.
    Client::Link::Sent send(Asking& asking, const wire::Message& message) {
        const std::string tag = "t" + std::to_string(++sent_);
        asking.device->client.send(*asking.up, message, false, tag);
        until([&] { return asking.up->sent[tag].settled || asking.up->detached; });
        settle();
        return asking.up->sent[tag];
    }
    // The registration once it has ended.
    dps::Registration registered() {
        const dps::ProvisioningId id = dps::ProvisioningId::parse("reg-01").value();
        hub.run_until([&] { return wait(service->registration(id)).has_value(); });
        return wait(service->registration(id)).value();
    }
    static json::object body_of(const Client::Got& got) {
        return parse_json(got.message.body()).value().get_object();
    }

    dps::Metrics dps_metrics{registry};
    std::unique_ptr<dps::Provisioning> service;

private:
    int sent_ = 0;
};

TEST_F(ProvisioningNodeTest, ARegistrationIsAcceptedAnsweredAndAskedAbout) {
    Asking asking = this->asking(sas());
    ASSERT_TRUE(asking.up->attached && asking.down->attached);
    EXPECT_EQ(send(asking, request("iotdps-register")).state, PN_ACCEPTED);
    ASSERT_EQ(asking.down->got.size(), 1u);
    const Client::Got& first = asking.down->got[0];
    EXPECT_EQ(first.message.correlation_id, Value::of_string("c1"));
    EXPECT_EQ(body_of(first).at("status"), "assigning");
    // In both spellings: clients match the case.
    for (const char* const name : {"retry-after", "Retry-After"}) {
        const Value* after = wire::find(first.message.application_properties, name);
        ASSERT_NE(after, nullptr) << name;
        EXPECT_EQ(wire::integer_of(*after), 2);
    }
    const std::string operation(body_of(first).at("operationId").get_string());

    registered();
    // .NET reuses one correlation id.
    EXPECT_EQ(send(asking, request("iotdps-get-operationstatus", operation)).state, PN_ACCEPTED);
    ASSERT_EQ(asking.down->got.size(), 2u);
    const json::object result = body_of(asking.down->got[1]);
    EXPECT_EQ(result.at("status"), "assigned");
    EXPECT_EQ(result.at("registrationState").at("assignedHub"), "hub.local");
    EXPECT_EQ(wire::find(asking.down->got[1].message.application_properties, "retry-after"),
              nullptr);
    EXPECT_FALSE(is_connected("reg-01"));
}

TEST_F(ProvisioningNodeTest, WhatIsNoRequestIsRejectedWithTheErrorInItsDescription) {
    struct Case {
        wire::Message message;
        int number;
    };
    const std::vector<Case> cases{
        {request("iotdps-dance"), 400004},
        {request(""), 400004},
        {request("iotdps-get-operationstatus"), 400004},
        {request("iotdps-get-operationstatus", "5.0.0"), 404000},
    };
    Asking asking = this->asking(sas());
    for (const Case& c : cases) {
        const Client::Link::Sent sent = send(asking, c.message);
        EXPECT_EQ(sent.state, PN_REJECTED) << c.number;
        const auto error = parse_json(sent.description);
        ASSERT_TRUE(error && error->is_object()) << sent.description;
        EXPECT_EQ(error->at("errorCode"), c.number);
        EXPECT_FALSE(error->at("trackingId").get_string().empty());
    }
    EXPECT_TRUE(asking.down->got.empty());
    // The link is as good as before.
    EXPECT_EQ(send(asking, request("iotdps-register")).state, PN_ACCEPTED);
}

TEST_F(ProvisioningNodeTest, AWrongKeyIsRefusedAndInTheEndTheLinkIsTakenAway) {
    Asking asking = this->asking(sas(std::string(32, 'x')));
    ASSERT_TRUE(asking.up->attached);
    for (int i = 1; i <= 5; ++i) {
        ASSERT_FALSE(asking.up->detached) << i;
        const Client::Link::Sent sent = send(asking, request("iotdps-register"));
        EXPECT_EQ(sent.state, PN_REJECTED);
        EXPECT_EQ(sent.error, "amqp:unauthorized-access");
        EXPECT_EQ(parse_json(sent.description).value().at("errorCode"), 401000);
    }
    EXPECT_TRUE(asking.up->detached);
    EXPECT_EQ(asking.up->error, "amqp:unauthorized-access");
    EXPECT_TRUE(asking.down->got.empty());
}

TEST_F(ProvisioningNodeTest, AnAnswerThatNobodyTakesIsDroppedAndTheRegistrationStands) {
    Asking asking = this->asking(sas());
    asking.device->client.detach(*asking.down);
    settle();
    EXPECT_EQ(send(asking, request("iotdps-register")).state, PN_ACCEPTED);
    EXPECT_EQ(registered().progress, dps::Progress::assigned);
}

TEST_F(ProvisioningNodeTest, AConnectionThatGoesWhileItsAnswerIsMadeLeavesTheRegistration) {
    Asking asking = this->asking(sas());
    asking.device->client.send(*asking.up, request("iotdps-register"), false, "t");
    asking.device->exchange();
    asking.device->peer->hang_up();
    hub.run_until([&] { return asking.device->peer->gone; });
    EXPECT_EQ(registered().progress, dps::Progress::assigned);
}

TEST_F(ProvisioningNodeTest, OneConnectionIsOfOneRegistration) {
    Asking asking = this->asking(sas());
    Client::Link& other = asking.device->client.sender(address("reg-02"));
    settle();
    EXPECT_TRUE(other.detached || !other.attached);
    EXPECT_EQ(send(asking, request("iotdps-register")).state, PN_ACCEPTED);
    // Its own name in other letters is the same.
    Client::Link& same =
        asking.device->client.receiver(std::string("0NE0000000a") + "/registrations/REG-01");
    settle();
    EXPECT_TRUE(same.attached);
}

}  // namespace
}  // namespace twinhub::gateway::amqp
