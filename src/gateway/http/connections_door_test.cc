// Connections over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "hub/shards.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;

// A device's connection that nothing is said to.
struct SilentLink final : hub::DeviceLink {
    void desired_changed(std::uint64_t, std::string_view) override {}
    void invoke(std::uint64_t, std::string_view, std::string_view) override {}
    void deliver(const hub::LockedMessage&) override {}
    void end(hub::LinkEnd) override {}
};

class ConnectionsDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view policy = "iothubowner") {
        return door.ask(method, path, body, {}, policy);
    }
    json::object answer(std::string_view path) {
        const Response response = ask("GET", path);
        EXPECT_EQ(response.status, 200u) << response.body;
        return response.status == 200 ? response.json().as_object() : json::object{};
    }
    void come(const TwinId& id) {
        const auto identity =
            std::make_shared<const hub::Identity>(hub::Identity{.id = id,
                                                                .generation_id = {},
                                                                .status_reason = {},
                                                                .authentication = {},
                                                                .device_scope = {},
                                                                .parent_scopes = {},
                                                                .managed_by = {}});
        hub::AttachFacts facts;
        facts.client = "192.0.2.7";
        facts.protocol = hub::Protocol::mqtt;
        facts.tls = 13;
        door.hub().shards().of(id.device).attach({identity, presence}, link, facts);
    }
    void go(const TwinId& id, hub::SessionEnd why) {
        door.hub().shards().of(id.device).detach(id, link, why);
    }

    ServiceDoor door;
    SilentLink link;
    hub::Presence presence;
    const TwinId d{DeviceId::parse("d").value(), {}};
};

TEST_F(ConnectionsDoor, ListsTheSessionsOfADevice) {
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    EXPECT_EQ(answer("/twins/d/sessions").at("sessions").as_array().size(), 0u);
    come(d);
    door.advance(60s);
    json::object now = answer("/twins/d/sessions");
    EXPECT_EQ(now.at("connected"), json::value(true));
    EXPECT_EQ(now.at("connectedSince"), "2026-11-22T10:00:00Z");
    const json::object& session = now.at("sessions").at(0).as_object();
    EXPECT_EQ(session.at("start"), "2026-11-22T10:00:00Z");
    EXPECT_TRUE(session.at("end").is_null());
    EXPECT_TRUE(session.at("endReason").is_null());
    EXPECT_EQ(session.at("protocol"), "mqtt");
    EXPECT_EQ(session.at("tls"), "1.3");
    EXPECT_EQ(session.at("address"), "192.0.2.7");
    EXPECT_EQ(session.at("sequence").at("connected").as_string().size(), 64u);
    go(d, hub::SessionEnd::timeout);
    door.advance(60s);
    now = answer("/twins/d/sessions?limit=1");
    EXPECT_EQ(now.at("sessions").at(0).at("endReason"), "timeout");
    EXPECT_EQ(now.at("sessions").at(0).at("end"), "2026-11-22T10:01:00Z");
    EXPECT_EQ(now.at("share24h"), json::value(0.5));
    EXPECT_EQ(now.at("strip").as_array().size(), 2u);
    EXPECT_EQ(ask("GET", "/twins/nobody/sessions").status, 404u);
    EXPECT_EQ(ask("GET", "/twins/d/sessions?limit=0").status, 400u);
    EXPECT_EQ(ask("GET", "/twins/d/sessions", {}, "registryRead").status, 401u);
}

TEST_F(ConnectionsDoor, SumsUpWhoComesAndGoes) {
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    for (int i = 0; i < 3; ++i) {
        come(d);
        door.advance(20s);
        go(d, hub::SessionEnd::connection_lost);
        door.advance(10s);
    }
    const json::object now = answer("/fleet/connections?window=PT10M");
    EXPECT_EQ(now.at("connected"), json::value(0));
    EXPECT_EQ(now.at("connects"), json::value(3));
    EXPECT_EQ(now.at("reasons").at("connectionLost"), json::value(3));
    EXPECT_EQ(now.at("minutes").at(0).at("at"), "2026-11-22T10:00:00Z");
    EXPECT_EQ(now.at("minutes").at(0).at("connects"), json::value(2));
    EXPECT_EQ(now.at("reconnecting").at(0).at("deviceId"), "d");
    EXPECT_EQ(now.at("reconnecting").at(0).at("connects"), json::value(3));
    for (const char* wrong : {"P2D", "1h", "PT1S"})
        EXPECT_EQ(ask("GET", std::string("/fleet/connections?window=") + wrong).status, 400u)
            << wrong;
}

}  // namespace
}  // namespace twinhub::gateway::http
