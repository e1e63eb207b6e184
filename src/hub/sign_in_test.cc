// What a sign-in reads: the identity alone, from wherever it is, and never an old one.
#include "hub/testing/histories.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using store::Family;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TwinId d1 = id_of("d1");
const TwinId m1 = id_of("d1", "m1");
const AttachFacts persistent{.clean_session = false, .model_id = {}, .client = {}};

// A hub that was started with a device and a module in its store and has nothing in memory.
struct SignIn : ::testing::Test {
    TestHub hub;
    TestLink link;
    double cached_before = 0;

    SignIn() {
        hub.create(spec_of("d1"));
        hub.create(spec_of("d1", "m1"));
        hub.connect(d1, link, {.clean_session = true, .model_id = "dtmi:a;1", .client = {}});
        start_anew();
    }
    void start_anew() {
        hub.run(hub.hub().drain());
        link = {};
        ASSERT_TRUE(hub.restart());
        hub.tick(1s);
        cached_before = hub.metrics().twins_cached.Value();
    }
    double brought_into_memory() {
        hub.tick(1s);
        return hub.metrics().twins_cached.Value() - cached_before;
    }
    double connected() { return hub.metrics().devices_connected.Value(); }
    // Who is disabled has to stay outside.
    Task<Result<Attached>> admit(TwinId id) {
        CO_TRY(const Claimant claimant, co_await hub.shard(id).claimant(id));
        if (claimant.device->status == Status::disabled)
            co_return failure(Code::unauthorized, "disabled");
        co_return hub.shard(id).attach(claimant.view, link, {});
    }
    Answer<Result<Attached>> begin(const TwinId& id, TestLink& with) {
        return hub.begin(hub.sign_in(id, with), hub.shard(id).executor());
    }
    Result<IdentityView> identity(const TwinId& id) {
        return hub.run(hub.shard(id).identity(id), hub.shard(id).executor());
    }
    void update(IdentitySpec spec) {
        ASSERT_TRUE(hub.run(hub.registry().update(std::move(spec), {}, author_of())));
    }
    void disable() {
        IdentitySpec spec = spec_of("d1");
        spec.status = Status::disabled;
        update(std::move(spec));
    }
    void remove() {
        ASSERT_TRUE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    }
    // Nothing stays in memory but what is connected.
    void forget() {
        hub.tick_for(hub.settings().checkpoint_age / 1s * 1s + 2s);
        hub.tick_for(32s);
        ASSERT_EQ(brought_into_memory(), 0.0);
    }
    void put(Family family, const std::string& key, std::string_view value) {
        store::Batch batch;
        batch.put(family, key, value);
        const store::Batch* batches[] = {&batch};
        ASSERT_TRUE(hub.engine().commit(batches));
    }
};

TEST_F(SignIn, BringsNoTwinIntoMemory) {
    for (const bool cold : {false, true}) {
        hub.engine().set_cold(cold);
        hub.connect(d1, link, {.clean_session = false, .model_id = "dtmi:a;1", .client = {}});
        hub.shard(d1).subscriptions_changed(d1, 5);
        hub.shard(d1).note_activity(d1);
        EXPECT_TRUE(hub.run(hub.registry().get(d1))->presence.connected);
        EXPECT_THAT(answer_of(hub,
                              "SELECT deviceId FROM devices WHERE connectionState = "
                              "'Connected'"),
                    ElementsAre(R"({"deviceId":"d1"})"));
        hub.shard(d1).detach(d1, link);
        hub.settle();
        EXPECT_FALSE(identity(d1)->presence.connected);
        EXPECT_THAT(answer_of(hub,
                              "SELECT deviceId FROM devices WHERE connectionState = "
                              "'Connected'"),
                    IsEmpty());
        EXPECT_EQ(brought_into_memory(), 0.0) << (cold ? "from the disk" : "from the cache");
    }
}

TEST_F(SignIn, ADeviceWhoseTwinIsNotInMemoryIsToldOfChangesAndReports) {
    hub.connect(d1, link);
    ASSERT_TRUE(hub.patch(d1, R"({"properties":{"desired":{"a":1}}})"));
    EXPECT_THAT(link.versions, ElementsAre(2u));
    const auto report = hub.begin_report(d1, R"({"a":1})");
    hub.settle();
    EXPECT_EQ(*report.get(), 2u);
    EXPECT_TRUE(hub.view(d1).presence.connected);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(SignIn, TheMessagesThatWaitAreCountedWithoutTheTwin) {
    CloudMessage message;
    message.payload = "a";
    ASSERT_TRUE(hub.run(hub.hub().cloud_messages().send(d1.device, std::move(message))));
    start_anew();
    EXPECT_EQ(identity(d1)->presence.messages, 1u);
    hub.connect(d1, link);
    EXPECT_EQ(identity(d1)->presence.messages, 1u);
    EXPECT_EQ(brought_into_memory(), 0.0);
}

TEST_F(SignIn, ADeviceWhoseTwinIsNotInMemoryIsCutOffWhenItIsDeleted) {
    hub.connect(d1, link);
    hub.tick(1s);  // its presence is stored
    remove();
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::deleted));
    EXPECT_EQ(connected(), 0.0);
    EXPECT_FALSE(
        hub.engine()
            .get(Family::metadata, store::metadata_key(store::Area::presence, store::twin_key(d1)))
            .value());
    hub.create(spec_of("d1"));
    EXPECT_EQ(identity(d1)->presence, Presence{});
}

TEST_F(SignIn, NothingIsMissedThatChangedWhileTheDiskWasRead) {
    struct Change {
        const char* name;
        std::function<void()> make;
    };
    const Change changes[] = {
        {"disabled", [this] { disable(); }},
        {"other keys", [this] { update(spec_of("d1")); }},
        {"deleted", [this] { remove(); }},
        {"made anew", [this] { hub.create(spec_of("d1")); }},
        {"deleted and made anew",
         [this] {
             remove();
             hub.create(spec_of("d1"));
         }},
    };
    for (const bool forgotten : {false, true}) {
        for (const Change& change : changes) {
            SCOPED_TRACE(std::string(change.name) + (forgotten ? ", out of memory again" : ""));
            start_anew();
            hub.engine().set_cold(true);
            hub.engine().delay_read(1, [&] {
                change.make();
                if (forgotten) forget();
            });
            const Result<IdentityView> read = identity(d1);
            const Result<IdentityView> truth = hub.run(hub.registry().get(d1));
            ASSERT_EQ(read.has_value(), truth.has_value());
            if (truth) EXPECT_EQ(*read->identity, *truth->identity);
            hub.engine().set_cold(false);
        }
    }
}

TEST_F(SignIn, ADeviceThatIsDisabledWhileItsIdentityIsReadIsNotLetIn) {
    hub.engine().set_cold(true);
    hub.engine().delay_read(1, [this] {
        disable();
        forget();
    });
    EXPECT_FALSE(hub.run(admit(d1), hub.shard(d1).executor()));
    EXPECT_EQ(connected(), 0.0);
}

TEST_F(SignIn, AChangeThatIsOnItsWayEndsTheConnectionThatCameBeforeIt) {
    hub.hold();
    IdentitySpec spec = spec_of("d1");
    spec.status = Status::disabled;
    const auto disabled = hub.begin(hub.registry().update(std::move(spec), {}, author_of()));
    hub.settle();
    hub.connect(d1, link);  // as long as it is not durable
    hub.release();
    hub.settle();
    EXPECT_TRUE(disabled.get());
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::disabled));
}

// The device is in memory and the module is read; then the device is disabled, and in the second
// case it leaves the memory, too.
TEST_F(SignIn, AModuleIsNotLetInWhenItsDeviceIsDisabledMeanwhile) {
    for (const bool forgotten : {false, true}) {
        start_anew();
        hub.engine().set_cold(true);
        hub.engine().delay_read(5, [&] {
            disable();
            if (forgotten) forget();
        });
        EXPECT_FALSE(hub.run(admit(m1), hub.shard(m1).executor()));
        EXPECT_EQ(connected(), 0.0);
        hub.engine().set_cold(false);
        update(spec_of("d1"));
    }
}

TEST_F(SignIn, OfTwoFromTheDiskTheLaterTakesOver) {
    hub.engine().set_cold(true);
    TestLink second;
    const auto first_in = begin(d1, link);
    const auto second_in = begin(d1, second);
    hub.settle();
    EXPECT_TRUE(first_in.get());
    EXPECT_TRUE(second_in.get());
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::taken_over));
    EXPECT_THAT(second.ended, IsEmpty());
    EXPECT_EQ(connected(), 1.0);
}

TEST_F(SignIn, ASessionGoesOnAfterARestart) {
    for (const bool cold : {false, true}) {
        hub.connect(d1, link, persistent);
        hub.shard(d1).subscriptions_changed(d1, 5);
        hub.shard(d1).detach(d1, link);
        start_anew();
        hub.engine().set_cold(cold);
        const Attached attached = hub.connect(d1, link, persistent);
        EXPECT_TRUE(attached.session_present);
        EXPECT_EQ(attached.subscriptions, 5u);
    }
}

TEST_F(SignIn, ASessionGoesOnWhileItIsOnItsWayToTheStore) {
    hub.connect(d1, link, persistent);
    hub.tick(1s);
    hub.shard(d1).subscriptions_changed(d1, 5);
    hub.shard(d1).detach(d1, link);
    hub.hold();
    hub.tick(1s);
    EXPECT_EQ(hub.connect(d1, link, persistent).subscriptions, 5u);
    hub.shard(d1).subscriptions_changed(d1, 7);
    hub.tick(1s);
    hub.shard(d1).detach(d1, link);
    EXPECT_EQ(hub.connect(d1, link, persistent).subscriptions, 7u);
    hub.release();
    hub.settle();
    EXPECT_EQ(brought_into_memory(), 0.0);
}

TEST_F(SignIn, ASessionGoesOnWhenTheStoreRefusedItOnce) {
    hub.connect(d1, link, persistent);
    hub.tick(1s);
    hub.shard(d1).subscriptions_changed(d1, 5);
    hub.shard(d1).detach(d1, link);
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    hub.tick(1s);
    EXPECT_EQ(identity(d1)->presence.subscriptions, 5u);
    hub.tick(1s);
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.connect(d1, link, persistent).subscriptions, 5u);
}

// Of the presence that a read from the disk brings, a newer one may have been stored meanwhile.
TEST_F(SignIn, ASessionThatIsStoredWhileTheDiskIsReadIsNotMissed) {
    for (const bool of_twin : {false, true}) {
        hub.connect(d1, link, persistent);
        hub.shard(d1).subscriptions_changed(d1, 5);
        start_anew();
        hub.engine().set_cold(true);
        TestLink old;
        hub.connect(d1, old, persistent);
        hub.tick(1s);
        hub.engine().delay_read(of_twin ? 3 : 2, [&] {
            hub.shard(d1).subscriptions_changed(d1, 7);
            hub.shard(d1).detach(d1, old);
            hub.tick(1s);
        });
        if (of_twin) {
            hub.begin_read(d1);
            hub.settle();
        }
        EXPECT_EQ(hub.connect(d1, link, persistent).subscriptions, 7u) << of_twin;
        hub.engine().set_cold(false);
    }
}

TEST_F(SignIn, AnotherModelIsRecordedWhereverTheTwinIs) {
    hub.engine().set_cold(true);
    hub.connect(d1, link, {.clean_session = true, .model_id = "dtmi:a;2", .client = "192.0.2.1"});
    EXPECT_EQ(hub.view(d1).twin.model_id, "dtmi:a;2");
    const std::size_t changes = read_past(hub.engine()).changes;
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.view(d1).twin.model_id, "dtmi:a;2");
    hub.connect(d1, link, {.clean_session = true, .model_id = "dtmi:a;2", .client = {}});
    EXPECT_EQ(read_past(hub.engine()).changes, changes);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(SignIn, AModelIsNotThatOfTheNextLife) {
    hub.hold();
    const auto removed = hub.begin(hub.registry().remove(d1, twin::Match::any(), author_of()));
    hub.settle();
    const auto made =
        hub.begin(hub.shard(d1).create(spec_of("d1"), {}, author_of()), hub.shard(d1).executor());
    hub.settle();
    hub.connect(d1, link, {.clean_session = true, .model_id = "dtmi:a;2", .client = {}});
    hub.release();
    hub.settle();
    ASSERT_TRUE(removed.get());
    ASSERT_TRUE(made.get());
    EXPECT_THAT(link.ended, ElementsAre(LinkEnd::deleted));
    EXPECT_EQ(hub.view(d1).twin.model_id, "");
    EXPECT_EQ(wrong_with(hub), "");
}

TEST_F(SignIn, DamageOfWhatItReadsIsToldAndDamageOfTheTwinIsToldToWhoReadsIt) {
    const std::string key = store::twin_key(d1);
    const std::string presence = store::metadata_key(store::Area::presence, key);
    const auto damage = [this](Family family, const std::string& at) {
        const std::string sound = *hub.engine().get(family, at).value();
        std::string damaged = sound;
        damaged.back() = static_cast<char>(damaged.back() ^ 1);
        put(family, at, damaged);
        return sound;
    };
    for (const bool cold : {false, true}) {
        hub.engine().set_cold(cold);
        for (const auto& [family, at] :
             {std::pair{Family::identities, key}, std::pair{Family::metadata, presence}}) {
            const std::string sound = damage(family, at);
            const double seen = hub.metrics().records_damaged.Value();
            const auto refused = hub.run(hub.sign_in(d1, link), hub.shard(d1).executor());
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().code, Code::corrupted);
            EXPECT_EQ(hub.metrics().records_damaged.Value(), seen + 1);
            put(family, at, sound);
        }
        const std::string sound = damage(Family::twins, key);
        const double seen = hub.metrics().records_damaged.Value();
        hub.connect(d1, link);
        const auto read = hub.begin_read(d1);
        hub.settle();
        EXPECT_EQ(read.get().error().code, Code::corrupted);
        EXPECT_EQ(hub.metrics().records_damaged.Value(), seen + 1);
        hub.shard(d1).detach(d1, link);
        hub.settle();
        put(Family::twins, key, sound);
    }
}

}  // namespace
}  // namespace twinhub::hub
