#include "gateway/mqtt/connection.h"

#include "base/encoding.h"
#include "gateway/testing/fake_transport.h"
#include "hub/testing/hub_on_memory.h"
#include "protocol/mqtt/packet.h"
#include "protocol/sas/token.h"
#include "twin/update.h"
#include "x509/testing/certificates.h"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>

#include <optional>

namespace twinhub::gateway::mqtt {
namespace {

namespace wire = protocol::mqtt;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string key(32, 'k');
constexpr std::string_view results = "$iothub/twin/res/#";
constexpr std::string_view desired = "$iothub/twin/PATCH/properties/desired/#";

template <class Packet>
std::string bytes_of(const Packet& packet) {
    std::string out;
    wire::encode(packet, out);
    return out;
}

std::string connack(std::uint8_t code, bool present = false) {
    return {'\x20', '\x02', static_cast<char>(present), static_cast<char>(code)};
}

// A hub on one loop with its device door, and devices at the other end of transports in memory.
struct MqttConnectionTest : ::testing::Test {
    explicit MqttConnectionTest(MqttSettings chosen = {}) : settings(std::move(chosen)) {
        context.emplace(hub.hub(), hub.hub().shards().at(0), deadlines, metrics, settings);
        context->introduce({&*context});
        make("d1");
    }
    ~MqttConnectionTest() override {
        context->stop();
        hub.run_ready();
        EXPECT_EQ(context->connections().size(), 0u);
        EXPECT_EQ(metrics.connections.Value(), 0);
        for (const auto& peer : peers) EXPECT_TRUE(peer->gone);
    }

    static TwinId id_of(std::string_view device) { return {DeviceId::parse(device).value(), {}}; }

    // Runs a hub operation to its end.
    template <class T>
    T wait(Task<T> task) {
        std::optional<T> result;
        asio::co_spawn(hub.executor(), std::move(task),
                       [&](std::exception_ptr, T value) { result = std::move(value); });
        hub.run_until([&] { return result.has_value(); });
        return std::move(*result);
    }
    static hub::IdentitySpec spec(std::string_view device) {
        hub::IdentitySpec made;
        made.id = id_of(device);
        made.authentication.emplace();
        made.authentication->type = hub::AuthenticationType::sas;
        made.authentication->primary_key = made.authentication->secondary_key = base64_encode(key);
        return made;
    }
    void make(std::string_view device) {
        ASSERT_TRUE(wait(hub.hub().registry().create(spec(device), {})).has_value());
    }
    static twin::Match any() { return twin::Match::any(); }

    std::shared_ptr<FakePeer> open(X509* certificate = nullptr) {
        auto peer = std::make_shared<FakePeer>();
        peer->certificate = certificate;
        peers.push_back(peer);
        context->serve(std::make_unique<FakeTransport>(hub.executor(), peer));
        hub.run_ready();
        return peer;
    }
    std::string hello(std::string_view device, std::string_view with_key = key,
                      std::uint16_t keep_alive = 60) {
        const std::string user = "hub.local/" + std::string(device) + "/?api-version=2021-04-12";
        const std::string token = protocol::sas::make_token(
            {"hub.local/devices/" + std::string(device), with_key, 4'000'000'000, {}});
        wire::Connect packet;
        packet.clean_session = true;
        packet.keep_alive_seconds = keep_alive;
        packet.client_id = device;
        packet.user_name = user;
        packet.password = token;
        return bytes_of(packet);
    }
    static std::string subscribe(std::string_view filter) {
        wire::Subscribe packet;
        packet.packet_id = 7;
        packet.filters.push_back({filter, wire::Qos::at_most_once});
        return bytes_of(packet);
    }
    static std::string publish(std::string_view topic, std::string_view payload) {
        wire::Publish packet;
        packet.topic = topic;
        packet.payload = payload;
        return bytes_of(packet);
    }
    static std::string get(std::string_view rid) {
        return publish("$iothub/twin/GET/?$rid=" + std::string(rid), "");
    }
    static std::string report(std::string_view rid, std::string_view body) {
        return publish("$iothub/twin/PATCH/properties/reported/?$rid=" + std::string(rid), body);
    }
    std::shared_ptr<FakePeer> connected(std::string_view device) {
        auto peer = open();
        peer->send(hello(device));
        until([&] { return peer->received == connack(0); });
        peer->received.clear();
        return peer;
    }
    template <class Done>
    void until(Done done) {
        hub.run_until(done);
    }
    void advance(std::chrono::seconds time) {
        hub.clock().advance(time);
        deadlines.advance(hub.clock().monotonic());
        hub.run_ready();
    }
    bool is_connected(std::string_view device) {
        return wait(hub.hub().registry().get(id_of(device)))->presence.connected;
    }

    MqttSettings settings;
    hub::HubOnMemory hub;
    Deadlines deadlines{hub.clock().monotonic()};
    MqttMetrics metrics{hub.registry()};
    std::optional<MqttContext> context;
    std::vector<std::shared_ptr<FakePeer>> peers;
};

struct WithCertificates : MqttConnectionTest {
    using Made = x509::testing::Certificate;
    Made made(const std::string& name, std::chrono::hours ends, const Made* issuer = nullptr) {
        const Instant now = hub.hub().clock().now();
        return Made({.common_names = {name},
                     .issuer = issuer,
                     .is_authority = issuer == nullptr,
                     .from = now - std::chrono::hours(1),
                     .until = now + ends});
    }
    void make(std::string_view device, hub::AuthenticationType type,
              const std::string& thumbprint = {}) {
        hub::IdentitySpec wanted;
        wanted.id = id_of(device);
        wanted.authentication.emplace();
        wanted.authentication->type = type;
        wanted.authentication->primary_thumbprint = thumbprint;
        ASSERT_TRUE(wait(hub.hub().registry().create(wanted, {})).has_value());
    }
    std::shared_ptr<FakePeer> connected(std::string_view device, const Made& certificate) {
        auto peer = open(certificate.get());
        peer->send(hello(device));
        until([&] { return peer->received == connack(0); });
        return peer;
    }
    double refused(const std::string& reason) {
        for (const auto& family : hub.registry().Collect())
            if (family.name == "twin_devices_refused_total")
                for (const auto& sample : family.metric)
                    if (sample.label.front().value == reason) return sample.counter.value;
        return -1;
    }
};

TEST_F(WithCertificates, AConnectionEndsSoonAfterItsCertificate) {
    const Made own = made("own", std::chrono::hours(2));
    make("c1", hub::AuthenticationType::self_signed, own.read().sha256_thumbprint());
    const auto peer = connected("c1", own);
    const auto seen = wait(hub.hub().registry().get(id_of("c1")))->presence.certificate;
    EXPECT_EQ(seen.thumbprint, own.read().sha256_thumbprint());
    EXPECT_EQ(seen.not_after, own.read().not_after());
    for (int minutes = 0; minutes < 120; ++minutes) {
        advance(std::chrono::seconds(60));
        peer->send(std::string("\xc0\0", 2));
        hub.run_ready();
    }
    EXPECT_FALSE(peer->closed);
    advance(settings.sas_grace + std::chrono::seconds(1));
    until([&] { return peer->closed; });
}

TEST_F(WithCertificates, ALinkGoesWithItsAuthorityAndIsRefusedByReason) {
    const Made root = made("root", std::chrono::hours(48));
    const Made leaf = made("c1", std::chrono::hours(24), &root);
    make("c1", hub::AuthenticationType::certificate_authority);
    ASSERT_TRUE(hub.hub().certificates().set_files({root.read()}).has_value());
    const auto peer = connected("c1", leaf);
    ASSERT_TRUE(hub.hub().certificates().set_files({}).has_value());
    hub.run_ready();
    hub.hub().shards().at(0).tick();
    until([&] { return peer->closed; });
    EXPECT_FALSE(is_connected("c1"));
    EXPECT_EQ(refused("not_trusted"), 0);
    const auto again = open(leaf.get());
    again->send(hello("c1"));
    until([&] { return again->closed; });
    EXPECT_EQ(again->received, connack(5));
    EXPECT_EQ(refused("not_trusted"), 1);
    const auto nobody = open(leaf.get());
    nobody->send(hello("nobody"));
    until([&] { return nobody->closed; });
    EXPECT_EQ(refused("unknown_device"), 1);
}

TEST_F(MqttConnectionTest, AConnectedDeviceReportsAndReadsItsTwin) {
    const auto peer = connected("d1");
    EXPECT_TRUE(is_connected("d1"));
    peer->send(subscribe(results) + report("1", R"({"fan":7})") + get("2"));
    until([&] { return peer->received.find("/200/?$rid=2") != std::string::npos; });
    EXPECT_THAT(peer->received, HasSubstr("$iothub/twin/res/204/?$rid=1&$version=2"));
    EXPECT_THAT(peer->received, HasSubstr(R"("fan":7)"));
}

TEST_F(MqttConnectionTest, BytesMayComeOneByOneAndAllTogether) {
    const std::string all = hello("d1") + subscribe(results) + get("a") + bytes_of(wire::PingReq{});
    for (const std::size_t size : {std::size_t{1}, std::size_t{3}, all.size()}) {
        const auto peer = open();
        peer->send_split(all, size);
        until([&] {
            return peer->received.find("/200/?$rid=a") != std::string::npos &&
                   peer->received.find("\xd0") != std::string::npos;
        });
        EXPECT_THAT(peer->received, StartsWith(connack(0)));
        peer->hang_up();
        until([&] { return peer->gone; });
    }
}

TEST_F(MqttConnectionTest, AWrongKeyIsToldSoAndTheConnectionEnds) {
    const auto peer = open();
    peer->send(hello("d1", "another key") + subscribe(results));
    until([&] { return peer->gone; });
    EXPECT_EQ(peer->received, connack(5));
    EXPECT_EQ(metrics.refused.Value(), 1);
    EXPECT_FALSE(is_connected("d1"));
}

TEST_F(MqttConnectionTest, AnUnknownDeviceGetsTheSameAnswer) {
    const auto peer = open();
    peer->send(hello("nobody"));
    until([&] { return peer->gone; });
    EXPECT_EQ(peer->received, connack(5));
}

TEST_F(MqttConnectionTest, TheLaterConnectionTakesOver) {
    const auto first = connected("d1");
    const auto second = connected("d1");
    until([&] { return first->gone; });
    EXPECT_TRUE(first->closed);
    EXPECT_FALSE(second->closed);
    EXPECT_TRUE(is_connected("d1"));
    second->send(bytes_of(wire::PingReq{}));
    until([&] { return !second->received.empty(); });
}

TEST_F(MqttConnectionTest, ADeletedOrDisabledDeviceIsCutOff) {
    const auto first = connected("d1");
    hub::IdentitySpec disabled = spec("d1");
    disabled.status = hub::Status::disabled;
    ASSERT_TRUE(wait(hub.hub().registry().update(disabled, any(), {})).has_value());
    until([&] { return first->gone; });

    make("d2");
    const auto second = connected("d2");
    second->send(report("1", R"({"n":1})"));  // under way when the device goes
    ASSERT_TRUE(wait(hub.hub().registry().remove(id_of("d2"), any(), {})).has_value());
    until([&] { return second->gone; });
}

TEST_F(MqttConnectionTest, APeerThatIsGoneWhileItsCredentialIsCheckedLeavesNothing) {
    const auto peer = open();
    peer->send(hello("d1"));
    peer->hang_up();
    until([&] { return peer->gone; });
    until([&] { return context->connections().size() == 0; });
    EXPECT_FALSE(is_connected("d1"));
}

TEST_F(MqttConnectionTest, AnAnswerForAConnectionThatEndedGoesNowhere) {
    const auto peer = connected("d1");
    peer->send(subscribe(results) + report("1", R"({"n":1})") + get("2"));
    peer->hang_up();
    until([&] { return peer->gone; });
    hub.run_ready();
    const auto again = connected("d1");
    again->send(subscribe(results) + get("3"));
    until([&] { return again->received.find("/200/?$rid=3") != std::string::npos; });
    EXPECT_THAT(again->received, HasSubstr(R"("n":1)"));
}

TEST_F(MqttConnectionTest, SilenceEndsAConnectionInItsTime) {
    const auto peer = connected("d1");
    advance(std::chrono::seconds(89));
    EXPECT_FALSE(peer->closed);
    peer->send(bytes_of(wire::PingReq{}));
    hub.run_ready();
    advance(std::chrono::seconds(89));
    EXPECT_FALSE(peer->closed);
    advance(std::chrono::seconds(3));
    EXPECT_TRUE(peer->closed);
}

TEST_F(MqttConnectionTest, AGatewayConnectsForADeviceBelowIt) {
    hub::IdentitySpec gateway = spec("edge");
    gateway.iot_edge = true;
    const auto made = wait(hub.hub().registry().create(gateway, {}));
    ASSERT_TRUE(made);
    hub::IdentitySpec runtime = spec("edge");
    runtime.id.module = ModuleId::parse("$edgeHub").value();
    ASSERT_TRUE(wait(hub.hub().registry().update(runtime, any(), {})));
    hub::IdentitySpec leaf = spec("leaf");
    leaf.authentication->primary_key = leaf.authentication->secondary_key =
        base64_encode(std::string(32, 'l'));
    leaf.device_scope = made->identity->device_scope;
    ASSERT_TRUE(wait(hub.hub().registry().create(leaf, {})));

    const std::string token = protocol::sas::make_token(
        {"hub.local/devices/edge/modules/$edgeHub", key, 4'000'000'000, {}});
    const auto answer_to = [&](std::string_view device, std::string_view chain) {
        const std::string user = "hub.local/" + std::string(device) +
                                 "/?api-version=2021-04-12&auth-chain=" + std::string(chain);
        wire::Connect packet;
        packet.client_id = device;
        packet.user_name = user;
        packet.password = token;
        const auto peer = open();
        peer->send(bytes_of(packet));
        until([&] { return !peer->received.empty(); });
        return peer->received;
    };
    EXPECT_EQ(answer_to("leaf", "leaf%3Bedge"), connack(0));
    EXPECT_EQ(answer_to("leaf", "leaf"), connack(5));
    EXPECT_EQ(answer_to("leaf", "d1%3Bedge"), connack(5));
    EXPECT_EQ(answer_to("d1", "d1%3Bedge"), connack(5));
    EXPECT_EQ(answer_to("d1", "d1%3Bnobody"), connack(5));
}

TEST_F(MqttConnectionTest, WhoSendsNoConnectIsCutOff) {
    const auto peer = open();
    advance(settings.limits.connect_within + std::chrono::seconds(2));
    EXPECT_TRUE(peer->closed);
    EXPECT_EQ(peer->received, "");
}

TEST_F(MqttConnectionTest, AStoppingServerEndsAllAndTakesNobody) {
    const auto peer = connected("d1");
    const auto silent = open();
    context->stop();
    hub.run_ready();
    EXPECT_TRUE(peer->gone);
    EXPECT_TRUE(silent->gone);
    EXPECT_FALSE(is_connected("d1"));
    const auto late = open();
    EXPECT_TRUE(late->gone);
}

// What a device asks for and gets besides its twin.
struct DeviceBound : MqttConnectionTest {
    static std::string subscribe_to(std::string_view filter, wire::Qos qos) {
        wire::Subscribe packet;
        packet.packet_id = 7;
        packet.filters.push_back({filter, qos});
        return bytes_of(packet);
    }
    std::shared_ptr<FakePeer> returning(bool clean = false) {
        auto peer = open();
        wire::Connect packet;
        packet.clean_session = clean;
        packet.keep_alive_seconds = 60;
        packet.client_id = "d1";
        packet.user_name = "hub.local/d1/?api-version=2021-04-12";
        const std::string token =
            protocol::sas::make_token({"hub.local/devices/d1", key, 4'000'000'000, {}});
        packet.password = token;
        peer->send(bytes_of(packet));
        until([&] { return peer->received.starts_with("\x20\x02"); });
        return peer;
    }
    void send(std::string payload) {
        hub::CloudMessage message;
        message.payload = std::move(payload);
        message.message_id = "m";
        message.properties = {{"a", "1"}, {"b", std::nullopt}};
        ASSERT_TRUE(wait(hub.hub().cloud_messages().send(id_of("d1").device, std::move(message))));
    }
    double waiting() { return hub.hub().metrics().messages_waiting.Value(); }
    std::shared_ptr<std::optional<Result<hub::MethodResult>>> invoke(std::string name) {
        auto result = std::make_shared<std::optional<Result<hub::MethodResult>>>();
        asio::co_spawn(hub.executor(),
                       hub.hub().methods().invoke(id_of("d1"), {.name = std::move(name)}, {}),
                       [result](std::exception_ptr, Result<hub::MethodResult> value) {
                           *result = std::move(value);
                       });
        hub.run_ready();
        return result;
    }
    static constexpr std::string_view messages = "devices/d1/messages/devicebound/#";
};

TEST_F(DeviceBound, AMethodIsCalledAndAnswered) {
    const auto peer = connected("d1");
    peer->send(subscribe("$iothub/methods/POST/#"));
    hub.run_ready();
    const auto result = invoke("reboot");
    EXPECT_THAT(peer->received, HasSubstr("$iothub/methods/POST/reboot/?$rid=1null"));
    peer->send(publish("$iothub/methods/res/201/?$rid=unknown", "{}") +
               publish("$iothub/methods/res/200/?$rid=1", R"({"ok":true})"));
    until([&] { return result->has_value(); });
    EXPECT_EQ((*result)->value().status, 200);
    EXPECT_EQ((*result)->value().payload, R"({"ok":true})");
}

TEST_F(DeviceBound, SingleMethodsAndMessagesAreKnownAgainWithoutASubscribe) {
    auto peer = returning();
    peer->send(subscribe("$iothub/methods/POST/open/#") +
               subscribe_to(messages, wire::Qos::at_least_once));
    hub.run_ready();
    EXPECT_FALSE(invoke("close")->value());
    peer->hang_up();
    until([&] { return peer->gone; });
    EXPECT_EQ((*invoke("open"))->error().code, Code::device_not_online);
    send("first");
    peer = returning();
    EXPECT_EQ(peer->received.substr(0, 4), connack(0, true));
    hub.run_ready();
    EXPECT_THAT(peer->received, HasSubstr("first"));
    invoke("open");
    EXPECT_THAT(peer->received, HasSubstr("$iothub/methods/POST/open/?$rid="));
    EXPECT_FALSE(invoke("close")->value());
}

TEST_F(DeviceBound, AMessageIsGoneWhenTheDeviceAcknowledgesIt) {
    const auto peer = connected("d1");
    peer->send(subscribe_to(messages, wire::Qos::at_least_once));
    send("hello");
    hub.run_ready();
    EXPECT_THAT(peer->received,
                HasSubstr("devices/d1/messages/devicebound/"
                          "%24.mid=m&%24.to=%2Fdevices%2Fd1%2Fmessages%2Fdevicebound&%24.exp="));
    EXPECT_THAT(peer->received, HasSubstr("&a=1&b"));
    EXPECT_EQ(waiting(), 1);
    peer->send(bytes_of(wire::PubAck{1}));
    until([&] { return waiting() == 0; });
}

TEST_F(DeviceBound, WithQos0AMessageIsGoneWhenItIsSent) {
    const auto peer = connected("d1");
    peer->send(subscribe_to(messages, wire::Qos::at_most_once));
    for (int i = 0; i < 40; ++i) send("hello");
    until([&] { return waiting() == 0; });
}

TEST_F(DeviceBound, WhatWasNotAcknowledgedComesAgainMarkedAsSuch) {
    auto peer = returning();
    peer->send(subscribe_to(messages, wire::Qos::at_least_once));
    for (int i = 0; i < 20; ++i) send("n" + std::to_string(i) + ".");
    hub.run_ready();
    EXPECT_THAT(peer->received, HasSubstr("n15."));
    EXPECT_THAT(peer->received, testing::Not(HasSubstr("n16.")));  // the window is full
    peer->send(bytes_of(wire::PubAck{1}));
    until([&] { return waiting() == 19; });
    EXPECT_THAT(peer->received, HasSubstr("n16."));
    peer->hang_up();
    until([&] { return peer->gone; });
    peer = returning();
    hub.run_ready();
    const std::string publish_again(1, '\x3a');  // QoS 1, DUP
    EXPECT_EQ(peer->received.substr(4, 1), publish_again);
    EXPECT_THAT(peer->received, testing::Not(HasSubstr("n0.")));
    EXPECT_LT(peer->received.find("n1."), peer->received.find("n2."));
}

TEST_F(DeviceBound, NothingComesToWhoDidNotAsk) {
    const auto peer = connected("d1");
    send("hello");
    hub.run_ready();
    EXPECT_EQ(peer->received, "");
    peer->send(subscribe_to(messages, wire::Qos::at_least_once));
    until([&] { return peer->received.find("hello") != std::string::npos; });
    EXPECT_EQ(peer->received.substr(0, 5), std::string("\x90\x03\x00\x07\x01", 5));
}

struct SmallBuffers : MqttConnectionTest {
    static MqttSettings small() {
        MqttSettings settings;
        settings.unsent_pause_bytes = 2'000;
        settings.unsent_close_bytes = 60'000;
        return settings;
    }
    SmallBuffers() : MqttConnectionTest(small()) {}
};

TEST_F(SmallBuffers, ADeviceThatTakesNoAnswersIsNotReadAndComesBackToLife) {
    const auto peer = connected("d1");
    peer->send(subscribe(results) + report("1", R"({"text":")" + std::string(1'500, 'x') + "\"}"));
    until([&] { return peer->received.find("204/?$rid=1") != std::string::npos; });
    peer->takes = false;
    for (int i = 0; i < 8; ++i) {
        peer->send(get("g" + std::to_string(i)));
        hub.run_ready();
    }
    EXPECT_GE(metrics.paused.Value(), 1);
    EXPECT_FALSE(peer->sent.empty()) << "it should no longer be read from";
    peer->take_all();
    until([&] { return peer->received.find("200/?$rid=g7") != std::string::npos; });
    EXPECT_FALSE(peer->closed);
}

TEST_F(SmallBuffers, ADeviceThatNeverTakesItsNotificationsIsCutOff) {
    const auto peer = connected("d1");
    peer->send(subscribe(desired));
    hub.run_ready();
    peer->takes = false;
    for (int i = 0; i < 40 && !peer->closed; ++i) {
        const std::string body = R"({"properties":{"desired":{"text":")" +
                                 std::string(3'000, static_cast<char>('a' + i % 20)) + "\"}}}";
        auto update = twin::parse_service_update(body, twin::Kind::patch);
        ASSERT_TRUE(update.has_value());
        ASSERT_TRUE(
            wait(hub.hub().twins().update(id_of("d1"), std::move(*update), any(), {})).has_value());
        hub.run_ready();
    }
    EXPECT_TRUE(peer->closed);
    EXPECT_LE(peer->unsent, std::size_t{70'000});
}

}  // namespace
}  // namespace twinhub::gateway::mqtt
