#include "gateway/mqtt/provisioning_connection.h"

#include "base/encoding.h"
#include "gateway/mqtt/connection.h"
#include "gateway/testing/fake_transport.h"
#include "hub/testing/hub_on_memory.h"
#include "protocol/mqtt/packet.h"
#include "protocol/sas/token.h"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace twinhub::gateway::mqtt {
namespace {

namespace wire = protocol::mqtt;

const std::string key(32, 'k');
constexpr const char* scope = "0ne0000000A";

template <class... Packets>
std::string bytes_of(const Packets&... packets) {
    std::string out;
    (wire::encode(packets, out), ...);
    return out;
}

struct Answer {
    std::string topic;
    std::string body;
};

// The provisioning service behind the MQTT door, and devices at the other end.
struct ProvisioningOverMqtt : ::testing::Test {
    ProvisioningOverMqtt() {
        provisioning::Settings settings;
        settings.id_scope = scope;
        settings.hubs = {{.host = "hub.local"}};
        settings.rates.registrations_per_second = 0;
        settings.rates.requests_per_minute = 0;
        auto opened =
            provisioning::Provisioning::open(settings, hub.hub(), provisioning_metrics, {});
        CHECK(opened.has_value());
        service = std::move(*opened);
        context.emplace(hub.hub(), hub.hub().shards().at(0), deadlines, metrics, MqttSettings{},
                        service.get());
        context->introduce({&*context});
        provisioning::EnrollmentWish wish;
        wish.enrollment.id = provisioning::ProvisioningId::parse("reg-1").value();
        wish.enrollment.attestation =
            provisioning::SymmetricKeys{base64_encode(key), base64_encode(key)};
        bool made = false;
        asio::co_spawn(hub.executor(), service->put(wish, {}),
                       [&](std::exception_ptr, const auto& result) { made = result.has_value(); });
        hub.run_until([&] { return made; });
    }
    ~ProvisioningOverMqtt() override {
        context->stop();
        hub.run_ready();
        EXPECT_EQ(context->connections().size(), 0u);
        EXPECT_EQ(context->provisioning_connections().size(), 0u);
        EXPECT_EQ(metrics.connections.Value(), 0);
    }

    std::shared_ptr<FakePeer> connect(std::string_view with_key = key,
                                      const std::string& behind = {}) {
        auto peer = std::make_shared<FakePeer>();
        context->serve(std::make_unique<FakeTransport>(hub.executor(), peer));
        const std::string token = protocol::sas::make_token(
            {std::string(scope) + "/registrations/reg-1", with_key, 4'000'000'000, {}});
        wire::Connect packet;
        packet.clean_session = true;
        packet.keep_alive_seconds = 60;
        packet.client_id = "reg-1";
        const std::string user = std::string(scope) + "/registrations/reg-1/api-version=2019-03-31";
        packet.user_name = user;
        packet.password = token;
        peer->send(bytes_of(packet) + behind);
        hub.run_ready();
        return peer;
    }
    static std::string subscribe() {
        return bytes_of(
            wire::Subscribe{1, {{wire::provisioning_filter, wire::Qos::at_least_once}}});
    }
    static std::string publish(std::string_view topic, std::uint16_t id) {
        wire::Publish packet;
        packet.topic = topic;
        packet.qos = wire::Qos::at_least_once;
        packet.packet_id = id;
        return bytes_of(packet);
    }
    static std::string registers(std::string_view rid) {
        return publish("$dps/registrations/PUT/iotdps-register/?$rid=" + std::string(rid), 5);
    }
    static std::string polls(std::string_view rid, std::string_view operation) {
        return publish("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=" +
                           std::string(rid) + "&operationId=" + std::string(operation),
                       6);
    }
    // Waits for the next answer; everything before it is thrown away.
    Answer next(const std::shared_ptr<FakePeer>& peer) {
        Answer answer;
        hub.run_until([&] {
            wire::Decoder decoder(1 << 20);
            wire::HeldBytes held;
            const std::string bytes = peer->received;
            (void)decoder.feed(
                std::as_bytes(std::span(bytes)), held, [&](const wire::Packet& packet) {
                    if (const auto* publish = std::get_if<wire::Publish>(&packet))
                        answer = {std::string(publish->topic), std::string(publish->payload)};
                    return true;
                });
            return !answer.topic.empty() || peer->gone;
        });
        peer->received.clear();
        return answer;
    }

    hub::HubOnMemory hub{{.name = "hub.local"}};
    provisioning::Metrics provisioning_metrics{hub.registry()};
    std::unique_ptr<provisioning::Provisioning> service;
    Deadlines deadlines{hub.clock().monotonic()};
    MqttMetrics metrics{hub.registry()};
    std::optional<MqttContext> context;
};

TEST_F(ProvisioningOverMqtt, ADeviceGetsItsHub) {
    const auto peer = connect(key, subscribe());
    EXPECT_EQ(peer->received.substr(0, 4), std::string("\x20\x02\x00\x00", 4));
    peer->send(registers("1"));
    const Answer begun = next(peer);
    EXPECT_EQ(begun.topic, "$dps/registrations/res/202/?$rid=1&retry-after=2");
    const json::value body = parse_json(begun.body).value();
    EXPECT_EQ(body.at("status"), "assigning");
    const std::string operation(body.at("operationId").as_string());
    Answer done;
    do {
        peer->send(polls("2", operation));
        done = next(peer);
    } while (done.topic.starts_with("$dps/registrations/res/202/"));
    EXPECT_EQ(done.topic, "$dps/registrations/res/200/?$rid=2");
    EXPECT_EQ(parse_json(done.body).value().at("registrationState").at("assignedHub"), "hub.local");
}

TEST_F(ProvisioningOverMqtt, AWrongKeyIsToldWithTheAnswerAndEndsTheConnectionInTime) {
    const auto peer = connect(std::string(32, 'x'), subscribe());
    for (int i = 1; i <= 5; ++i) {
        peer->send(registers(std::to_string(i)));
        if (i > 3) {  // held back from here on
            hub.run_ready();
            EXPECT_EQ(peer->received.find("$dps"), std::string::npos);
            hub.clock().advance(std::chrono::seconds{2});
            deadlines.advance(hub.clock().monotonic());
        }
        const Answer refused = next(peer);
        EXPECT_EQ(refused.topic, "$dps/registrations/res/401/?$rid=" + std::to_string(i));
        EXPECT_EQ(parse_json(refused.body).value().at("errorCode"), 401000);
    }
    hub.run_ready();
    EXPECT_TRUE(peer->gone);
}

TEST_F(ProvisioningOverMqtt, IsRefusedWhereTheServiceIsOff) {
    context->stop();
    hub.run_ready();
    context.emplace(hub.hub(), hub.hub().shards().at(0), deadlines, metrics, MqttSettings{});
    context->introduce({&*context});
    const auto peer = connect();
    EXPECT_EQ(peer->received, std::string("\x20\x02\x00\x05", 4));
    hub.run_ready();
    EXPECT_TRUE(peer->gone);
}

}  // namespace
}  // namespace twinhub::gateway::mqtt
