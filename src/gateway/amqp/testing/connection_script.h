#pragma once

#include "base/encoding.h"
#include "gateway/amqp/connection.h"
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

// What the tests of AMQP connections share.
namespace twinhub::gateway::amqp {
namespace wire = protocol::amqp;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wire::Client;
using wire::Value;

inline const std::string key(32, 'k');
inline constexpr std::uint64_t far = 4'000'000'000;

inline wire::Message with_annotations(wire::Fields annotations, std::string_view body,
                                      const Value& correlation) {
    wire::Message message;
    message.annotations = std::move(annotations);
    message.correlation_id = correlation;
    if (!body.empty()) message.data = {std::string(body)};
    return message;
}
inline wire::Message get(const Value& id) {
    return with_annotations({{"operation", Value::of_string("GET")}}, " ", id);
}
inline wire::Message report(const Value& id, std::string_view body) {
    return with_annotations({{"operation", Value::of_string("PATCH")},
                             {"resource", Value::of_string("/properties/reported")}},
                            body, id);
}
inline wire::Message subscribe(const Value& id) {
    return with_annotations(
        {{"operation", Value::of_string("PUT")},
         {"resource", Value::of_string("/notifications/twin/properties/desired")}},
        " ", id);
}
inline std::int64_t status_of(const wire::Message& message) {
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
        EXPECT_EQ(context->connections().size(), 0u);
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
    void make(std::string_view device) { make(id_of(device)); }
    void make_module(std::string_view device, std::string_view module) {
        make({DeviceId::parse(device).value(), ModuleId::parse(module).value()});
    }
    void make(const TwinId& id) {
        hub::IdentitySpec made;
        made.id = id;
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

    std::shared_ptr<Device> open(X509* certificate = nullptr) {
        auto device = std::make_shared<Device>();
        device->peer->certificate = certificate;
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
    Twin twin_of(Device& device, const std::string& id, Client::Session session = nullptr,
                 const wire::Fields& properties = {}) {
        const std::string address = "/devices/" + id + "/twin";
        const Client::Options options{
            .snd_settle_mode = 1, .properties = properties, .session = session};
        Twin twin;
        twin.up = &device.client.sender(address, options);
        twin.down = &device.client.receiver(address, options);
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

}  // namespace twinhub::gateway::amqp
