// Connections as the hub sees them: attach, takeover, sessions, notifications, reports, ends.
#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TwinId d1 = id_of("d1");
const TwinId m1 = id_of("d1", "m1");

struct Door : ::testing::Test {
    TestHub hub;
    TestLink link;

    void SetUp() override {
        hub.create(spec_of("d1"));
        hub.create(spec_of("d1", "m1"));
    }
    double connected() { return hub.metrics().devices_connected.Value(); }
    Presence stored_presence(const TwinId& id) {
        const std::string key = store::metadata_key(store::Area::presence, store::twin_key(id));
        const auto value = hub.engine().get(store::Family::metadata, key).value();
        if (!value) return {};
        return decode_presence(
                   store::open(store::Kind::hub_state, hub_state_format, "metadata", key, *value)
                       ->body)
            .value();
    }
    void update(std::string_view device, std::optional<Status> status,
                std::string_view module = {}) {
        IdentitySpec spec = spec_of(device, module);
        const Authentication now = hub.run(hub.registry().get(spec.id))->identity->authentication;
        spec.authentication.emplace();
        spec.authentication->primary_key = now.primary_key;
        spec.authentication->secondary_key = now.secondary_key;
        spec.status = status;
        EXPECT_TRUE(hub.run(hub.registry().update(std::move(spec), {}, author_of())));
    }
};

TEST_F(Door, ConnectionAndActivityAreShownAndChangeNothingElse) {
    const TwinView before = hub.view(d1);
    EXPECT_FALSE(before.presence.connected);
    EXPECT_EQ(before.presence.last_activity, never);
    const Instant connected_at = hub.clock().now();
    hub.connect(d1, link);
    const TwinView during = hub.view(d1);
    EXPECT_TRUE(during.presence.connected);
    EXPECT_EQ(during.presence.connection_state_updated, connected_at);
    EXPECT_EQ(during.presence.last_activity, connected_at);
    EXPECT_EQ(hub.run(hub.registry().statistics())->devices_connected, 1u);
    EXPECT_EQ(connected(), 1.0);
    hub.clock().advance(10s);
    hub.shard(d1).detach(d1, link);
    hub.settle();
    const TwinView after = hub.view(d1);
    EXPECT_FALSE(after.presence.connected);
    EXPECT_EQ(after.presence.connection_state_updated, connected_at + 10s);
    EXPECT_EQ(after.presence.last_activity, connected_at + 10s);
    EXPECT_EQ(after.twin, before.twin);
    EXPECT_EQ(after.identity->etag(), before.identity->etag());
    EXPECT_EQ(connected(), 0.0);
    EXPECT_THAT(link.ended, IsEmpty());
}

TEST_F(Door, ModulesConnectedAreNotCountedAsDevices) {
    hub.connect(m1, link);
    EXPECT_EQ(hub.run(hub.registry().statistics())->devices_connected, 0u);
    EXPECT_TRUE(hub.run(hub.registry().get(m1))->presence.connected);
}

TEST_F(Door, ANewLinkTakesOverAndTheLateDetachOfTheOldOneChangesNothing) {
    TestLink second;
    hub.connect(d1, link);
    hub.connect(d1, second);
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::taken_over));
    hub.shard(d1).detach(d1, link);
    hub.settle();
    EXPECT_TRUE(hub.view(d1).presence.connected);
    EXPECT_EQ(connected(), 1.0);
    ASSERT_TRUE(hub.patch(d1, R"({"properties":{"desired":{"a":1}}})"));
    EXPECT_THAT(link.versions, IsEmpty());
    EXPECT_THAT(second.versions, ElementsAre(2u));
    EXPECT_THAT(second.ended, IsEmpty());
}

TEST_F(Door, LastActivityIsStoredAtMostOnceAMinute) {
    hub.connect(d1, link);
    const Instant connected_at = hub.clock().now();
    for (int i = 0; i < 59; ++i) {
        hub.tick(1s);
        hub.shard(d1).note_activity(d1);
        EXPECT_EQ(stored_presence(d1).last_activity, connected_at);
    }
    EXPECT_EQ(hub.view(d1).presence.last_activity, hub.clock().now());  // what is shown is exact
    hub.clock().advance(1s);
    hub.shard(d1).note_activity(d1);
    hub.tick(1s);
    EXPECT_EQ(stored_presence(d1).last_activity, connected_at + 60s);
}

TEST_F(Door, AfterARestartNobodyIsConnected) {
    hub.connect(d1, link);
    const Instant connected_at = hub.clock().now();
    hub.tick(1s);
    ASSERT_TRUE(hub.crash());
    const TwinView after = hub.view(d1);
    EXPECT_FALSE(after.presence.connected);
    EXPECT_EQ(after.presence.last_activity, connected_at);
    EXPECT_EQ(hub.run(hub.registry().statistics())->devices_connected, 0u);
}

TEST_F(Door, APersistentSessionKeepsItsSubscriptions) {
    const AttachFacts persistent{.clean_session = false, .model_id = {}, .client = {}};
    EXPECT_FALSE(hub.connect(d1, link, persistent).session_present);
    hub.shard(d1).subscriptions_changed(d1, 5);
    hub.shard(d1).detach(d1, link);
    hub.settle();
    const Attached again = hub.connect(d1, link, persistent);
    EXPECT_TRUE(again.session_present);
    EXPECT_EQ(again.subscriptions, 5u);
    TestLink other;
    EXPECT_EQ(hub.connect(d1, other, persistent).subscriptions, 5u);  // over a takeover
    hub.tick(1s);
    ASSERT_TRUE(hub.crash(3));
    EXPECT_EQ(hub.connect(d1, link, persistent).subscriptions, 5u);  // over a crash
}

TEST_F(Door, ACleanSessionForgetsThem) {
    const AttachFacts persistent{.clean_session = false, .model_id = {}, .client = {}};
    hub.connect(d1, link, persistent);
    hub.shard(d1).subscriptions_changed(d1, 5);
    TestLink clean;
    EXPECT_FALSE(hub.connect(d1, clean).session_present);
    hub.shard(d1).subscriptions_changed(d1, 7);  // these end with the clean session
    hub.shard(d1).detach(d1, clean);
    hub.settle();
    const Attached after = hub.connect(d1, link, persistent);
    EXPECT_FALSE(after.session_present);
    EXPECT_EQ(after.subscriptions, 0u);
}

TEST_F(Door, APersistentSessionEndsAfterItsAge) {
    const AttachFacts persistent{.clean_session = false, .model_id = {}, .client = {}};
    for (const bool crash : {false, true}) {
        hub.connect(d1, link, persistent);
        hub.shard(d1).subscriptions_changed(d1, 5);
        hub.tick(1s);
        if (crash) ASSERT_TRUE(hub.crash());
        else hub.shard(d1).detach(d1, link);
        hub.settle();
        hub.clock().advance(hub.settings().session_age - 2s);
        EXPECT_TRUE(hub.connect(d1, link, persistent).session_present);
        hub.shard(d1).detach(d1, link);
        hub.settle();
        hub.clock().advance(hub.settings().session_age + 1s);
        EXPECT_FALSE(hub.connect(d1, link, persistent).session_present);
        hub.shard(d1).detach(d1, link);
        hub.settle();
    }
}

TEST_F(Door, DesiredVersionsArriveInOrderWithoutAGap) {
    hub.connect(d1, link);
    for (int i = 0; i < 20; ++i) {
        hub.begin_patch(d1, R"({"properties":{"desired":{"n":)" + std::to_string(i) + "}}}");
        hub.begin_patch(d1, R"({"tags":{"n":1}})");  // tells the device nothing
        if (i % 3 == 0) hub.turn();
    }
    hub.settle();
    ASSERT_EQ(link.versions.size(), 20u);
    for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(link.versions[i], i + 2);
        EXPECT_EQ(link.bodies[i],
                  R"({"n":)" + std::to_string(i) + R"(,"$version":)" + std::to_string(i + 2) + "}");
    }
}

TEST_F(Door, ModulesAreToldOfTheirOwnTwinAlone) {
    TestLink module_link;
    hub.connect(d1, link);
    hub.connect(m1, module_link);
    ASSERT_TRUE(hub.patch(m1, R"({"properties":{"desired":{"a":1}}})"));
    EXPECT_THAT(link.versions, IsEmpty());
    EXPECT_THAT(module_link.versions, ElementsAre(2u));
}

TEST_F(Door, ReportsCheckTheirBase) {
    const auto first = hub.begin_report(d1, R"({"a":1})", 1);
    const auto stale = hub.begin_report(d1, R"({"a":2})", 1);
    const auto second = hub.begin_report(d1, R"({"a":3})", 2);
    hub.settle();
    EXPECT_EQ(*first.get(), 2u);
    EXPECT_EQ(stale.get().error().code, Code::precondition_failed);
    EXPECT_EQ(*second.get(), 3u);
    const twin::Twin twin = hub.view(d1).twin;
    EXPECT_EQ(twin.versions.version, 4u);
    EXPECT_EQ(twin.versions.etag, 1u);  // reports leave the etag alone
}

TEST_F(Door, ReportsAndReadsOfNobodyAreRefused) {
    const auto report = hub.begin_report(id_of("nobody"), R"({"a":1})");
    const auto read = hub.begin_read(id_of("d1", "nobody"));
    hub.settle();
    EXPECT_EQ(report.get().error().code, Code::device_not_found);
    EXPECT_EQ(read.get().error().code, Code::module_not_found);
}

TEST_F(Door, OperationsOnATwinThatIsOnDiskKeepTheirOrder) {
    ASSERT_TRUE(hub.restart());
    hub.engine().set_cold(true);
    std::vector<Answer<Result<std::uint64_t>>> reports;
    std::vector<Answer<Result<std::string>>> reads;
    for (int i = 0; i < 3; ++i) {
        reports.push_back(hub.begin_report(d1, R"({"n":)" + std::to_string(i) + "}"));
        reads.push_back(hub.begin_read(d1));
    }
    hub.settle();
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(*reports[i].get(), i + 2);
        EXPECT_GE(parse_json(*reads[i].get())->at("reported").at("n").as_int64(),
                  static_cast<std::int64_t>(i));
    }
}

TEST_F(Door, TheModelIsRecordedOnce) {
    const AttachFacts facts{
        .clean_session = true, .model_id = "dtmi:acme:Press;2", .client = "192.0.2.1"};
    hub.connect(d1, link, facts);
    hub.connect(d1, link, facts);
    hub.connect(d1, link);  // says nothing, changes nothing
    EXPECT_EQ(hub.view(d1).twin.model_id, "dtmi:acme:Press;2");
    EXPECT_EQ(read_past(hub.engine()).changes, 3u);
    EXPECT_EQ(wrong_with(hub), "");
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.view(d1).twin.model_id, "dtmi:acme:Press;2");
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(Door, DisablingEndsTheLinksOfADeviceAndItsModules) {
    TestLink module_link;
    hub.connect(d1, link);
    hub.connect(m1, module_link);
    update("d1", Status::disabled);
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::disabled));
    EXPECT_THAT(module_link.ended, ElementsAre(LinkEnd::disabled));
    EXPECT_EQ(connected(), 0.0);
    EXPECT_FALSE(hub.view(d1).presence.connected);
    ASSERT_TRUE(hub.patch(d1, R"({"properties":{"desired":{"a":1}}})"));  // still writable
    EXPECT_THAT(link.versions, IsEmpty());
}

TEST_F(Door, DeletingEndsThemToo) {
    TestLink module_link;
    hub.connect(d1, link);
    hub.connect(m1, module_link);
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::deleted));
    EXPECT_THAT(module_link.ended, ElementsAre(LinkEnd::deleted));
    EXPECT_EQ(connected(), 0.0);
    hub.shard(d1).detach(d1, link);  // late
    hub.settle();
    EXPECT_FALSE(hub.engine()
                     .get(store::Family::metadata,
                          store::metadata_key(store::Area::presence, store::twin_key(d1)))
                     .value());
}

TEST_F(Door, ANewLifeInheritsNothingFromAConnectionOfTheOldOne) {
    const AttachFacts persistent{.clean_session = false, .model_id = {}, .client = {}};
    hub.connect(d1, link, persistent);
    hub.shard(d1).subscriptions_changed(d1, 5);
    hub.settle();
    hub.hold();
    const auto removed = hub.begin(hub.registry().remove(d1, twin::Match::any(), author_of()));
    hub.settle();
    hub.clock().advance(2min);
    hub.shard(d1).note_activity(d1);  // the old life is still there: nothing is durable
    hub.release();
    hub.settle();
    ASSERT_TRUE(removed.get());
    hub.create(spec_of("d1"));
    EXPECT_FALSE(hub.view(d1).presence.connected);
    EXPECT_EQ(hub.view(d1).presence.last_activity, never);
    TestLink next;
    EXPECT_FALSE(hub.connect(d1, next, persistent).session_present);
    ASSERT_TRUE(hub.restart());
    EXPECT_FALSE(hub.connect(d1, next, persistent).session_present);
}

TEST_F(Door, OtherCredentialsEndTheLinkOfTheirOwnerAlone) {
    TestLink module_link;
    hub.connect(d1, link);
    hub.connect(m1, module_link);
    update("d1", Status::enabled);  // the same keys
    EXPECT_THAT(link.ended, IsEmpty());
    ASSERT_EQ(hub.run(hub.registry().regenerate_keys({d1}, KeyChoice::secondary, author_of()))
                  .rotated.size(),
              1u);
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::credentials_changed));
    EXPECT_THAT(module_link.ended, IsEmpty());
    ASSERT_TRUE(hub.run(hub.registry().update(spec_of("d1", "m1"), {}, author_of())));  // new keys
    EXPECT_THAT(module_link.ended, ElementsAre(LinkEnd::credentials_changed));
}

TEST_F(Door, ALinkLivesOnWhenTheStoreRefusesItsEnd) {
    hub.connect(d1, link);
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_FALSE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    EXPECT_THAT(link.ended, IsEmpty());
    EXPECT_TRUE(hub.view(d1).presence.connected);
}

TEST_F(Door, DrainingEndsEveryLinkAndWritesEveryDocument) {
    hub.connect(d1, link);
    ASSERT_TRUE(hub.patch(d1, R"({"tags":{"a":1}})"));
    hub.run(hub.hub().drain());
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::shutting_down));
    EXPECT_FALSE(stored_presence(d1).connected);
    const std::string key = store::twin_key(d1);
    State stored;
    const std::string value = *hub.engine().get(store::Family::twins, key).value();
    ASSERT_TRUE(decode_twin_record(
        store::open(store::Kind::twin, twin_record_format, "twins", key, value)->body, stored));
    EXPECT_EQ(stored.twin, hub.view(d1).twin);
}

TEST_F(Door, ADeviceThatLeftTheMemoryIsStillKnownWhenItAttaches) {
    hub.settings().cached_twins_max = 0;
    const AttachFacts persistent{.clean_session = false, .model_id = "dtmi:a;1", .client = {}};
    hub.connect(d1, link, persistent);
    hub.shard(d1).subscriptions_changed(d1, 5);
    hub.shard(d1).detach(d1, link);
    hub.tick(1s);
    ASSERT_TRUE(hub.restart());
    const Attached attached =
        hub.connect(d1, link, {.clean_session = false, .model_id = "dtmi:a;2", .client = {}});
    EXPECT_EQ(attached.subscriptions, 5u);
    EXPECT_EQ(hub.view(d1).twin.model_id, "dtmi:a;2");
}

}  // namespace
}  // namespace twinhub::hub
