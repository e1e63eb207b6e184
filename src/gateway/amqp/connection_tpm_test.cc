// SASL with a TPM, byte by byte: what Microsoft's clients hide when they are refused.
#include "gateway/amqp/testing/connection_script.h"
#include "protocol/amqp/value.h"
#include "provisioning/provisioning.h"
#include "provisioning/testing/soft_tpm.h"

namespace twinhub::gateway::amqp {
namespace {

namespace dps = twinhub::provisioning;
using dps::testing::SoftTpm;

constexpr const char* scope = "0ne0000000A";

struct AmqpTpm : AmqpConnectionTest {
    AmqpTpm() {
        dps::Settings chosen;
        chosen.id_scope = scope;
        chosen.hubs = {{.host = "hub.local"}};
        chosen.rates.failures_per_minute = 3;
        auto opened = dps::Provisioning::open(chosen, hub.hub(), service_metrics, {});
        EXPECT_TRUE(opened);
        service = *std::move(opened);
        context.emplace(hub.hub(), hub.hub().shards().at(0), deadlines, metrics, settings,
                        service.get());
        context->introduce({&*context});
        dps::EnrollmentWish wish;
        wish.enrollment.id = dps::ProvisioningId::parse("press-1").value();
        wish.enrollment.attestation = dps::TpmKeys{tpm.keys().endorsement, {}};
        EXPECT_TRUE(wait(service->put(std::move(wish), {})));
    }
    ~AmqpTpm() override {
        context->stop();
        hub.run_ready();
    }

    // One connection of a device, as frames.
    struct Wire {
        std::shared_ptr<FakePeer> peer = std::make_shared<FakePeer>();
    };
    Wire dial() {
        Wire wire;
        context->serve(std::make_unique<FakeTransport>(hub.executor(), wire.peer));
        wire.peer->send(wire::sasl_header);
        hub.run_until([&] { return wire.peer->received.size() > 8; });
        EXPECT_THAT(wire.peer->received, HasSubstr("TPM"));
        wire.peer->received.clear();
        return wire;
    }
    // Sends a frame and waits for the answer: the binary of a challenge, or the code of the
    // outcome.
    std::string say(Wire& wire, std::uint8_t code, std::string_view bytes) {
        std::string items;
        if (code == 0x41) wire::append(items, Value::of_symbol("TPM"));
        wire::append(items, Value::of_binary(bytes));
        std::string body{"\0\x53", 2};
        body += static_cast<char>(code);
        wire::append_list(body, items, code == 0x41 ? 2 : 1);
        std::string frame;
        for (int shift = 24; shift >= 0; shift -= 8)
            frame += static_cast<char>((body.size() + 8) >> shift);
        wire.peer->send(frame + std::string("\2\1\0\0", 4) + body);
        hub.run_until([&] { return !wire.peer->received.empty() || wire.peer->closed; });
        const std::string answer = std::exchange(wire.peer->received, {});
        wire::Reader reader(std::string_view(answer).substr(8));
        const auto descriptor = reader.descriptor();
        const auto list = reader.list();
        const auto value = wire::Reader(list->bytes).value();
        if (descriptor == 0x42) return value->bytes;
        return "outcome " + std::to_string(value->number);
    }
    std::string hello(Wire& wire, std::string_view id = "press-1") {
        return say(
            wire, 0x41,
            std::string(1, '\0') + scope + '\0' + std::string(id) + '\0' + tpm.endorsement_key());
    }
    static std::string plain(std::string_view bytes) {
        return std::string(1, '\0') + std::string(bytes);
    }
    static std::string token(const std::string& key, const std::string& id = "press-1") {
        return protocol::sas::make_token(
            {scope + std::string("/registrations/") + id, key, far, "registration"});
    }

    SoftTpm tpm;
    prometheus::Registry service_registry;
    dps::Metrics service_metrics{service_registry};
    std::unique_ptr<dps::Provisioning> service;
};

TEST_F(AmqpTpm, ADeviceAnswersAndRegistersOnTheSameConnection) {
    Wire wire = dial();
    EXPECT_EQ(hello(wire), plain(""));
    const std::string first = say(wire, 0x43, plain(tpm.storage_root_key()));
    ASSERT_EQ(first.front(), '\x80');
    const std::string second = say(wire, 0x43, plain(""));
    ASSERT_EQ(second.front(), '\xc1');
    const auto taken = tpm.take(first.substr(1) + second.substr(1));
    ASSERT_TRUE(taken);
    EXPECT_EQ(say(wire, 0x43, plain(token(taken->signing_key))), "outcome 0");

    auto device = std::make_shared<Device>();
    device->peer = wire.peer;
    devices.push_back(device);
    settle();
    const std::string address = scope + std::string("/registrations/press-1");
    Client::Link& up = device->client.sender(address);
    Client::Link& down = device->client.receiver(address);
    settle();
    ASSERT_TRUE(up.attached && down.attached);
    const auto ask = [&](wire::Fields properties) {
        wire::Message message;
        message.correlation_id = Value::of_string("c");
        message.application_properties = std::move(properties);
        message.data = {" "};
        const std::size_t before = down.got.size();
        device->client.send(up, message, false);
        until([&] { return down.got.size() > before; });
        return parse_json(down.got.back().message.body()).value();
    };
    const json::value begun = ask({{"iotdps-operation-type", Value::of_string("iotdps-register")}});
    const std::string operation(begun.at("operationId").as_string());
    json::value result;
    do {
        result = ask({{"iotdps-operation-type", Value::of_string("iotdps-get-operationstatus")},
                      {"iotdps-operation-id", Value::of_string(operation)}});
    } while (result.at("status") == "assigning");
    EXPECT_EQ(result.at("status"), "assigned");
    const json::value& wrapped = result.at("registrationState").at("tpm").at("authenticationKey");
    EXPECT_TRUE(tpm.take(base64_decode(std::string_view(wrapped.as_string())).value()));
}

TEST_F(AmqpTpm, AnotherTpmIsRefused) {
    const SoftTpm other(1);
    Wire wire = dial();
    const std::string initial =
        plain(scope) + '\0' + std::string("press-1") + '\0' + other.endorsement_key();
    EXPECT_EQ(say(wire, 0x41, initial), plain(""));
    EXPECT_EQ(say(wire, 0x43, plain(other.storage_root_key())), "outcome 1");
    hub.run_until([&] { return wire.peer->closed; });
}

TEST_F(AmqpTpm, ARegistrationIdThatIsNoneOrUnknownIsRefused) {
    for (const char* id : {"press-2", "no id"}) {
        Wire wire = dial();
        EXPECT_EQ(hello(wire, id), plain(""));
        EXPECT_EQ(say(wire, 0x43, plain(tpm.storage_root_key())), "outcome 1") << id;
    }
}

TEST_F(AmqpTpm, ATokenThatTheTpmDidNotSignIsRefused) {
    for (const bool replayed : {false, true}) {
        Wire wire = dial();
        hello(wire);
        const std::string first = say(wire, 0x43, plain(tpm.storage_root_key()));
        const std::string second = say(wire, 0x43, plain(""));
        const std::string key = tpm.take(first.substr(1) + second.substr(1))->signing_key;
        const std::string wrong = replayed ? token(key, "press-2") : token(std::string(32, 'w'));
        EXPECT_EQ(say(wire, 0x43, plain(wrong)), "outcome 1");
    }
}

TEST_F(AmqpTpm, WhoGuessesTooOftenIsToldToComeAgain) {
    const SoftTpm other(1);
    std::string outcome;
    for (int i = 0; i < 4 && outcome != "outcome 4"; ++i) {
        Wire wire = dial();
        EXPECT_EQ(hello(wire), plain(""));
        outcome = say(wire, 0x43, plain(i < 3 ? "no key" : tpm.storage_root_key()));
    }
    EXPECT_EQ(outcome, "outcome 4");
}

TEST_F(AmqpConnectionTest, WithoutProvisioningNoTpmIsOffered) {
    auto peer = std::make_shared<FakePeer>();
    context->serve(std::make_unique<FakeTransport>(hub.executor(), peer));
    peer->send(wire::sasl_header);
    hub.run_until([&] { return peer->received.size() > 8; });
    EXPECT_THAT(peer->received, Not(HasSubstr("TPM")));
}

}  // namespace
}  // namespace twinhub::gateway::amqp
