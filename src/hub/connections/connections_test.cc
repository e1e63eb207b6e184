// What is known of connections: numbered, told, stored, counted; over crashes too.
#include "hub/connections/connections.h"

#include "hub/connections/shard_connections.h"
#include "hub/testing/histories.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Instant t0 = TestClock::start;

SessionsOf sessions_of(TestHub& hub, const TwinId& id, std::size_t limit = 1000) {
    auto found = hub.run(hub.hub().connections().sessions(id, limit));
    EXPECT_TRUE(found) << (found ? "" : found.error().message);
    return found.value_or(SessionsOf{});
}

ConnectionSummary summary_of(TestHub& hub, std::chrono::minutes window = 60min) {
    return hub.run(hub.hub().connections().summary(window, 20)).value();
}

AttachFacts by_mqtt(std::string client = "192.0.2.7") {
    AttachFacts facts;
    facts.client = std::move(client);
    facts.protocol = Protocol::mqtt;
    facts.tls = 13;
    return facts;
}

TEST(Session, SurvivesBeingStored) {
    Session session{.connected = 7,
                    .disconnected = 9,
                    .ordinal = 3,
                    .start = t0,
                    .end = t0 + 5s,
                    .protocol = Protocol::amqp_websocket,
                    .tls = 12,
                    .why = SessionEnd::token_expired,
                    .address = "2001:db8::1"};
    const std::string key = session_key(id_of("a"), 3);
    EXPECT_EQ(open_session(key, sealed_session(key, session)).value(), session);
    EXPECT_FALSE(open_session(session_key(id_of("a"), 4), sealed_session(key, session)));
    EXPECT_EQ(sequence_text(0x1a), std::string(62, '0') + "1a");
}

TEST(Connections, TellWhenFromWhereAndWhyADeviceWasThere) {
    TestHub hub;
    const TwinId id = id_of("a");
    hub.create(spec_of("a"));
    EXPECT_THAT(sessions_of(hub, id).sessions, IsEmpty());
    TestLink link;
    hub.connect(id, link, by_mqtt());
    hub.clock().advance(10s);
    SessionsOf now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(1));
    EXPECT_TRUE(now.presence.connected);
    EXPECT_TRUE(now.sessions[0].is_open());
    EXPECT_EQ(now.sessions[0].start, t0);
    EXPECT_EQ(now.sessions[0].address, "192.0.2.7");
    EXPECT_EQ(now.share, 1.0);
    hub.shard(id).detach(id, link, SessionEnd::client_closed);
    hub.clock().advance(10s);
    hub.connect(id, link, by_mqtt("192.0.2.8"));
    hub.tick_for(5s);
    now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(2));
    EXPECT_EQ(now.sessions[0].address, "192.0.2.8");
    EXPECT_EQ(now.sessions[1].why, SessionEnd::client_closed);
    EXPECT_EQ(now.sessions[1].end, t0 + 10s);
    EXPECT_LT(now.sessions[1].connected, now.sessions[1].disconnected);
    EXPECT_LT(now.sessions[1].disconnected, now.sessions[0].connected);
    ASSERT_THAT(now.strip, SizeIs(3));
    EXPECT_FALSE(now.strip[1].connected);
    EXPECT_EQ(now.strip[1].to - now.strip[1].from, 10s);
    EXPECT_NEAR(*now.share, 15.0 / 25, 0.001);
    EXPECT_THAT(sessions_of(hub, id, 1).sessions, SizeIs(1));
    hub.shard(id).detach(id, link);
    EXPECT_EQ(hub.run(hub.hub().connections().sessions(id_of("nobody"), 10)).error().code,
              Code::device_not_found);
}

TEST(Connections, NameTheHubsOwnReasons) {
    TestHub hub;
    const TwinId id = id_of("a");
    hub.create(spec_of("a"));
    TestLink first, second;
    hub.connect(id, first, by_mqtt());
    hub.clock().advance(1s);
    hub.connect(id, second, by_mqtt());
    hub.clock().advance(1s);
    IdentitySpec off = spec_of("a");
    off.status = Status::disabled;
    ASSERT_TRUE(hub.run(hub.registry().update(off, twin::Match::any(), author_of())));
    const SessionsOf now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(2));
    EXPECT_EQ(now.sessions[0].why, SessionEnd::disabled);
    EXPECT_EQ(now.sessions[1].why, SessionEnd::taken_over);
    EXPECT_FALSE(now.presence.connected);
}

TEST(Connections, OfACrashEndWhenTheDeviceWasLastSeen) {
    TestHub hub;
    const TwinId id = id_of("a");
    hub.create(spec_of("a"));
    TestLink link;
    hub.connect(id, link, by_mqtt());
    hub.tick_for(5s);
    ASSERT_TRUE(hub.crash());
    hub.clock().advance(100s);
    SessionsOf now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(1));
    EXPECT_EQ(now.sessions[0].why, SessionEnd::hub_stopped);
    EXPECT_EQ(now.sessions[0].end, t0);
    const auto reason = [&] {
        return answer_of(hub,
                         "SELECT $connection.reason AS r, $connection.protocol AS p FROM devices");
    };
    EXPECT_THAT(reason(), ElementsAre(R"({"r":"hubStopped","p":"mqtt"})"));
    TestLink again;
    hub.connect(id, again, by_mqtt());
    EXPECT_THAT(reason(), ElementsAre(R"({"p":"mqtt"})"));
    hub.tick_for(3s);
    hub.shard(id).detach(id, again, SessionEnd::timeout);
    EXPECT_THAT(reason(), ElementsAre(R"({"r":"timeout","p":"mqtt"})"));
    hub.tick_for(3s);
    ASSERT_TRUE(hub.restart(3));
    now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(2));
    EXPECT_EQ(now.sessions[0].why, SessionEnd::timeout);
    EXPECT_EQ(now.sessions[1].why, SessionEnd::hub_stopped);
    EXPECT_THAT(reason(), ElementsAre(R"({"r":"timeout","p":"mqtt"})"));
}

TEST(Connections, AreToldInOrderWithNumbersThatRiseOverRestartsAndClocksSetBack) {
    TestHub hub;
    const TwinId id = id_of("a");
    hub.create(spec_of("a"));
    std::vector<std::string> types, bodies;
    const auto listen = [&] {
        return hub.hub().connection_events().listen(
            hub.shard(id).executor(), 100, [&](const std::shared_ptr<const DeviceEvent>& event) {
                types.push_back(event->properties.at(0).second);
                bodies.push_back(event->payload);
            });
    };
    auto hearing = listen();
    TestLink link;
    for (int i = 0; i < 2; ++i) {
        hub.connect(id, link, by_mqtt());
        hub.clock().advance(-30s);
        hub.shard(id).detach(id, link);
        hub.settle();
    }
    EXPECT_THAT(types, ElementsAre("deviceConnected", "deviceDisconnected", "deviceConnected",
                                   "deviceDisconnected"));
    hub.tick_for(2s);
    hearing.reset();
    ASSERT_TRUE(hub.restart(1));
    hearing = listen();
    TestLink again;
    hub.connect(id, again, by_mqtt());
    hub.shard(id).detach(id, again);
    hub.settle();
    ASSERT_THAT(bodies, SizeIs(6));
    EXPECT_TRUE(std::ranges::is_sorted(bodies));
    EXPECT_TRUE(std::ranges::adjacent_find(bodies) == bodies.end());
    EXPECT_THAT(bodies[0], HasSubstr(R"({"sequenceNumber":"0000)"));
    EXPECT_EQ(bodies[0].size(), std::string(R"({"sequenceNumber":""})").size() + 64);
    hearing.reset();
}

TEST(Connections, RememberTheNewestAndForgetTheOld) {
    Settings settings;
    settings.connections.sessions_max = 3;
    settings.connections.sessions_age = 1000s;
    TestHub hub(settings);
    const TwinId id = id_of("a");
    hub.create(spec_of("a"));
    TestLink link;
    for (int i = 0; i < 5; ++i) {
        hub.connect(id, link, by_mqtt("192.0.2." + std::to_string(i)));
        hub.tick_for(2s);
        hub.shard(id).detach(id, link);
        hub.tick_for(2s);
    }
    SessionsOf now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(3));
    EXPECT_EQ(now.sessions[0].address, "192.0.2.4");
    EXPECT_EQ(now.sessions[2].address, "192.0.2.2");
    const auto stored = [&] {
        std::size_t rows = 0;
        const auto cursor =
            hub.engine().scan(store::Family::metadata, store::area_range(store::Area::session));
        for (cursor->seek_first(); cursor->valid(); cursor->next()) ++rows;
        return rows;
    };
    EXPECT_EQ(stored(), 3u);
    hub.clock().advance(2000s);
    EXPECT_THAT(sessions_of(hub, id).sessions, IsEmpty());
    hub.tick_for(300s);  // a slot a second
    EXPECT_EQ(stored(), 0u);
}

TEST(Connections, AreWrittenAgainAfterALostCommit) {
    TestHub hub;
    const TwinId id = id_of("a");
    hub.create(spec_of("a"));
    TestLink link;
    hub.connect(id, link, by_mqtt());
    hub.tick_for(2s);
    hub.shard(id).detach(id, link, SessionEnd::client_closed);
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    hub.tick_for(5s);
    ASSERT_TRUE(hub.crash());
    const SessionsOf now = sessions_of(hub, id);
    ASSERT_THAT(now.sessions, SizeIs(1));
    EXPECT_EQ(now.sessions[0].why, SessionEnd::client_closed);
}

TEST(Connections, CountWhoComesAndGoesByMinuteAndReason) {
    TestHub hub;
    TestLink link;
    for (const char* name : {"a", "b", "c"}) hub.create(spec_of(name));
    hub.connect(id_of("a"), link, by_mqtt());
    for (int i = 0; i < 4; ++i) {
        TestLink flapping;
        hub.connect(id_of("b"), flapping, by_mqtt());
        hub.clock().advance(30s);
        hub.shard(id_of("b")).detach(id_of("b"), flapping, SessionEnd::timeout);
    }
    const ConnectionSummary now = summary_of(hub);
    EXPECT_EQ(now.connected, 1u);
    ASSERT_THAT(now.minutes, SizeIs(3));
    EXPECT_EQ(now.minutes[0].connects, 3u);
    EXPECT_EQ(now.minutes[2].ends[static_cast<std::size_t>(SessionEnd::timeout)], 1u);
    ASSERT_THAT(now.reconnecting, SizeIs(1));
    EXPECT_EQ(now.reconnecting[0].id, id_of("b"));
    EXPECT_EQ(now.reconnecting[0].connects, 4u);
    EXPECT_EQ(now.reconnecting[0].last, SessionEnd::timeout);
    EXPECT_THAT(summary_of(hub, 1min).minutes, SizeIs(2));
    hub.clock().advance(25h);
    EXPECT_THAT(summary_of(hub, 24h).minutes, IsEmpty());
    hub.shard(id_of("a")).detach(id_of("a"), link);
}

RC_GTEST_PROP(ConnectionRates, MissNoDeviceThatComesOftenerThanTheySay, ()) {
    ConnectionRates rates;
    std::map<std::string, std::uint64_t> counted;
    const std::size_t often = 1 + below(20);
    for (std::size_t i = 0; i < 3000; ++i) {
        const std::string name = below(4) == 0 ? "often" + std::to_string(below(often))
                                               : "once" + std::to_string(below(5000));
        ++counted[name];
        rates.connected(id_of(name), SessionEnd::connection_lost,
                        t0 + std::chrono::seconds(i / 10));
    }
    const auto top = rates.top(t0, 10'000);
    std::map<std::string, std::uint64_t> told;
    for (const Reconnecting& one : top.devices) told[one.id.text()] = one.connects;
    for (const auto& [name, count] : counted) {
        const auto found = told.find(name);
        if (found == told.end()) {
            RC_ASSERT(count <= top.missed + 1);
        } else {
            RC_ASSERT(found->second <= count);
            RC_ASSERT(found->second + top.missed >= count);
        }
    }
}

}  // namespace
}  // namespace twinhub::hub
