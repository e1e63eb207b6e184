#include "provisioning/limits.h"
#include "provisioning/testing/test_service.h"

#include <gmock/gmock.h>

// Devices that are assigned to hubs elsewhere.
namespace twinhub::provisioning {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* here = "localhost";
constexpr const char* there = "hub.there";

TwinId twin(std::string_view id) { return hub::testing::id_of(id); }

EnrollmentWish to(std::vector<std::string> hubs, ReprovisionPolicy policy = {}) {
    EnrollmentWish wish = individual("r1");
    wish.enrollment.initial_twin = {R"({"site":"west"})", R"({"rate":40})"};
    wish.enrollment.hubs = std::move(hubs);
    wish.enrollment.allocation = Allocation::fixed;
    wish.enrollment.reprovision = policy;
    return wish;
}

bool is_here(TestService& service, std::string_view id = "r1") {
    return service.hub.run(service.hub.registry().get(twin(id))).has_value();
}

// A device with a life behind it in the own hub.
void live_here(TestService& service) {
    service.put(to({here}));
    EXPECT_EQ(service.provision(caller_of("r1")).hub, here);
    EXPECT_TRUE(service.hub.patch(
        twin("r1"), R"({"tags":{"floor":2},"properties":{"desired":{"rate":55,"x":{"y":[1]}}}})"));
    const auto done = service.hub.begin_report(twin("r1"), R"({"seen":{"count":3}})");
    service.hub.settle();
    EXPECT_TRUE(done.get());
}

TEST(LinkedHubs, AForeignHubGetsTheDeviceWithItsKeysAndItsTwin) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(to({there}));
    const Registration registration = service.provision(caller_of("r1"));
    EXPECT_EQ(registration.progress, Progress::assigned) << registration.error_message;
    EXPECT_EQ(registration.hub, there);
    EXPECT_EQ(registration.substatus, Substatus::initial_assignment);
    EXPECT_FALSE(is_here(service));
    const json::object& identity = hub.identities.at("r1");
    EXPECT_EQ(identity.at("authentication").at("symmetricKey").at("primaryKey").get_string(),
              key_1);
    EXPECT_EQ(to_text(hub.twins.at("r1").at("tags")), R"({"site":"west"})");
    EXPECT_EQ(to_text(hub.twins.at("r1").at("properties").at("desired")), R"({"rate":40})");
    EXPECT_THAT(hub.requests.back().headers.front().second,
                HasSubstr("SharedAccessSignature sr=hub.there"));
    // Once more changes nothing.
    const json::object before = hub.twins.at("r1");
    EXPECT_EQ(service.provision(caller_of("r1")).substatus, Substatus::initial_assignment);
    EXPECT_EQ(hub.twins.at("r1"), before);
}

TEST(LinkedHubs, ANewKeyReachesTheForeignHub) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(to({there}));
    service.provision(caller_of("r1"));
    EnrollmentWish renewed = to({there});
    renewed.enrollment.attestation = SymmetricKeys{key_2, key_1};
    service.put(renewed, twin::Match::any());
    service.provision(caller_of("r1", key_2));
    EXPECT_EQ(hub.identities.at("r1")
                  .at("authentication")
                  .at("symmetricKey")
                  .at("primaryKey")
                  .get_string(),
              key_2);
}

TEST(LinkedHubs, AMoveThereAndBackKeepsTheTwinExactly) {
    TestService service;
    FakeHub& hub = service.link(there);
    live_here(service);
    const twin::Twin before = service.hub.view(twin("r1")).twin;

    service.put(to({there}), twin::Match::any());
    const Registration gone = service.provision(caller_of("r1"));
    EXPECT_EQ(gone.progress, Progress::assigned) << gone.error_message;
    EXPECT_EQ(gone.hub, there);
    EXPECT_EQ(gone.substatus, Substatus::device_data_migrated);
    EXPECT_FALSE(is_here(service));
    EXPECT_EQ(to_text(hub.twins.at("r1").at("properties").at("reported").at("seen")),
              R"({"count":3})");

    service.put(to({here}), twin::Match::any());
    const Registration back = service.provision(caller_of("r1"));
    EXPECT_EQ(back.hub, here);
    EXPECT_EQ(back.substatus, Substatus::device_data_migrated);
    EXPECT_TRUE(hub.identities.empty());
    const twin::Twin after = service.hub.view(twin("r1")).twin;
    EXPECT_EQ(after.tags, before.tags);
    EXPECT_EQ(after.reported, before.reported);
    EXPECT_EQ(after.desired.to_json(), before.desired.to_json());
    EXPECT_EQ(after.desired.find("rate")->stamp().updated,
              before.desired.find("rate")->stamp().updated);
    EXPECT_EQ(after.versions, twin::Versions{});
    EXPECT_EQ(hub::testing::wrong_with(service.hub), "");
}

TEST(LinkedHubs, ModulesMoveWithTheirTwins) {
    TestService service;
    FakeHub& hub = service.link(there);
    live_here(service);
    ASSERT_TRUE(service.hub.run(service.hub.registry().create(
        hub::testing::spec_of("r1", "m1"), hub::testing::author_of(),
        hub::testing::patch_of(R"({"properties":{"desired":{"a":1}}})"))));
    const std::string key =
        service.hub.view(hub::testing::id_of("r1", "m1")).identity->authentication.primary_key;
    service.put(to({there}), twin::Match::any());
    service.provision(caller_of("r1"));
    ASSERT_TRUE(hub.identities.contains("r1/m1"));
    service.put(to({here}), twin::Match::any());
    service.provision(caller_of("r1"));
    const hub::TwinView module = service.hub.view(hub::testing::id_of("r1", "m1"));
    EXPECT_EQ(module.identity->authentication.primary_key, key);
    EXPECT_EQ(to_text(module.twin.desired.to_json()), R"({"a":1})");
}

struct Policy {
    const char* name;
    ReprovisionPolicy policy;
    const char* hub;
    Substatus substatus;
    const char* desired;
};

TEST(LinkedHubs, RegisteringAgainForAnotherHubFollowsThePolicy) {
    constexpr Policy cases[] = {
        {"migrate",
         {true, true},
         there,
         Substatus::device_data_migrated,
         R"({"rate":55,"x":{"y":[1]}})"},
        {"reset", {true, false}, there, Substatus::device_data_reset, R"({"rate":40})"},
        {"never",
         {false, false},
         here,
         Substatus::initial_assignment,
         R"({"rate":55,"x":{"y":[1]}})"},
    };
    for (const Policy& c : cases) {
        SCOPED_TRACE(c.name);
        TestService service;
        FakeHub& hub = service.link(there);
        live_here(service);
        service.put(to({there}, c.policy), twin::Match::any());
        const Registration again = service.provision(caller_of("r1"));
        EXPECT_EQ(again.progress, Progress::assigned) << again.error_message;
        EXPECT_EQ(again.hub, c.hub);
        EXPECT_EQ(again.substatus, c.substatus);
        if (again.hub == here) {
            EXPECT_TRUE(hub.identities.empty());
            EXPECT_EQ(to_text(service.hub.view(twin("r1")).twin.desired.to_json()), c.desired);
            continue;
        }
        EXPECT_FALSE(is_here(service));
        json::object desired = hub.twins.at("r1").at("properties").at("desired").as_object();
        desired.erase("$metadata");
        desired.erase("$version");
        EXPECT_EQ(to_text(desired), c.desired);
    }
}

TEST(LinkedHubs, AResetInTheSameForeignHubKeepsTheDeviceDisabled) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(to({there}, {true, false}));
    service.provision(caller_of("r1"));
    hub.identities.at("r1")["status"] = "disabled";
    hub.twins.at("r1")["properties"].as_object()["reported"] = json::object{{"v", 1}};
    const Registration again = service.provision(caller_of("r1"));
    EXPECT_EQ(again.substatus, Substatus::device_data_reset);
    EXPECT_EQ(hub.identities.at("r1").at("status"), "disabled");
    EXPECT_FALSE(hub.twins.at("r1").at("properties").as_object().contains("reported"));
}

TEST(LinkedHubs, ASilentHubIsAskedAgainAndThenTheDeviceIsTold) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(to({there}));
    hub.silent = true;
    const Registration failed = service.provision(caller_of("r1"));
    EXPECT_EQ(failed.progress, Progress::failed);
    EXPECT_EQ(failed.error_number, 503000u);
    EXPECT_EQ(failed.error_message, "The hub hub.there does not answer");
    EXPECT_GT(service.waits.size(), 5u);
    EXPECT_GT(service.waits.back(), 2 * service.waits.front());
    EXPECT_LE(service.waits.back(), 15s);
    hub.silent = false;
    EXPECT_EQ(service.provision(caller_of("r1")).progress, Progress::assigned);
    EXPECT_EQ(hub.identities.size(), 1u);
}

TEST(LinkedHubs, WhileAHubIsSilentAPollSaysAssigning) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(to({there}));
    hub.silent = true;
    std::string operation;
    int polls = 0;
    service.during_wait = [&] {
        EXPECT_EQ(service.metrics().waiting.Value(), 1);
        if (++polls == 3) hub.silent = false;
    };
    const Outcome begun = service.run(service->register_device(caller_of("r1"), ""));
    service.hub.settle();
    EXPECT_EQ(polls, 3);
    const Outcome asked = service.run(service->operation(caller_of("r1"), begun->operation));
    EXPECT_THAT(asked->body, HasSubstr(R"("status":"assigned")"));
    EXPECT_EQ(service.metrics().waiting.Value(), 0);
    EXPECT_EQ(service.metrics().assigning.Value(), 0);
}

TEST(LinkedHubs, ADeviceThatWaitsIsNotLetInOnceItsEnrollmentIsGoneOrDisabled) {
    for (const bool disabled : {true, false}) {
        TestService service;
        FakeHub& hub = service.link(there);
        service.put(to({there}));
        hub.silent = true;
        EnrollmentWish off = to({there});
        off.enrollment.status = Status::disabled;
        bool begun = false;
        std::function<bool()> is_done;
        service.during_wait = [&] {
            if (!std::exchange(begun, true)) {
                if (disabled) {
                    auto put = service.hub.begin(service->put(off, twin::Match::any()));
                    is_done = [put] { return put.there(); };
                } else {
                    auto removed = service.hub.begin(service->remove(
                        EnrollmentKind::individual, id_of("r1"), twin::Match::any()));
                    is_done = [removed] { return removed.there(); };
                }
            }
            hub.silent = !is_done();
        };
        const Registration ended = service.provision(caller_of("r1"));
        EXPECT_EQ(ended.progress, disabled ? Progress::disabled : Progress::failed);
        EXPECT_TRUE(hub.identities.empty());
    }
}

// Whichever answer is lost on the way, in the end there is one device with its data, in one place.
TEST(LinkedHubs, ALostAnswerLeavesNothingHalfDone) {
    for (int lost = 1; lost <= 12; ++lost) {
        SCOPED_TRACE(lost);
        TestService service;
        FakeHub& hub = service.link(there);
        live_here(service);
        service.put(to({there}), twin::Match::any());
        hub.loses_answers = lost;
        Registration moved = service.provision(caller_of("r1"));
        if (moved.progress == Progress::failed) moved = service.provision(caller_of("r1"));
        EXPECT_EQ(moved.progress, Progress::assigned) << moved.error_message;
        EXPECT_EQ(moved.hub, there);
        EXPECT_FALSE(is_here(service));
        ASSERT_EQ(hub.identities.size(), 1u);
        EXPECT_EQ(to_text(hub.twins.at("r1").at("properties").at("reported").at("seen")),
                  R"({"count":3})");
    }
}

// The device has moved, the record of it is not: it is found where it is.
TEST(LinkedHubs, ACrashBehindTheMoveIsMadeGoodByTheNextRegistration) {
    TestService service;
    FakeHub& hub = service.link(there);
    live_here(service);
    service.put(to({there}), twin::Match::any());
    service.hub.hold();
    const Outcome begun = service.run(service->register_device(caller_of("r1"), ""));
    ASSERT_TRUE(begun);
    service.crash();
    service.hub.release();
    const Registration again = service.provision(caller_of("r1"));
    EXPECT_EQ(again.progress, Progress::assigned) << again.error_message;
    EXPECT_EQ(again.hub, there);
    EXPECT_FALSE(is_here(service));
    EXPECT_EQ(to_text(hub.twins.at("r1").at("properties").at("reported").at("seen")),
              R"({"count":3})");
}

TEST(LinkedHubs, ARefusedKeyFailsAtOnceAndSaysWhatToDo) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(to({there}));
    hub.refuses_with = 401;
    const Registration failed = service.provision(caller_of("r1"));
    EXPECT_EQ(failed.progress, Progress::failed);
    EXPECT_THAT(failed.error_message, HasSubstr("refuses the key of its link"));
    EXPECT_TRUE(service.waits.empty());
    hub.refuses_with = 429;
    EXPECT_THAT(service.provision(caller_of("r1")).error_message, HasSubstr("too often"));
    EXPECT_FALSE(service.waits.empty());
}

TEST(LinkedHubs, TheLeastLoadedIsAskedForItsLoadNowAndThen) {
    TestService service;
    FakeHub& hub = service.link(there);
    EnrollmentWish wish = group("fleet");
    wish.enrollment.allocation = Allocation::geo_latency;
    service.put(wish);
    hub.other_devices = 3;
    std::map<std::string, int> homes;
    for (int i = 0; i < 9; ++i) {
        const std::string id = "d" + std::to_string(i);
        ++homes[service.provision(caller_of(id, derived(key_1, id))).hub];
    }
    EXPECT_EQ(homes[here], 6);
    EXPECT_EQ(homes[there], 3);
    const auto asked = std::ranges::count_if(hub.requests, [](const HubRequest& request) {
        return request.target.starts_with("/statistics");
    });
    EXPECT_EQ(asked, 1);
    // Later it has more than registrations put there.
    service.hub.clock().advance(load_age);
    hub.other_devices = 50;
    EXPECT_EQ(service.provision(caller_of("e", derived(key_1, "e"))).hub, here);
    // Who has a hub keeps it; a silent one gets no new devices.
    service.hub.clock().advance(4 * load_age);
    hub.other_devices = 0;
    hub.silent = true;
    EXPECT_EQ(service.provision(caller_of("f", derived(key_1, "f"))).hub, here);
}

TEST(LinkedHubs, HashedAllocationSpreadsOverOwnAndLinkedHubs) {
    TestService service;
    FakeHub& hub = service.link(there);
    service.put(group("fleet"));
    int away = 0;
    for (int i = 0; i < 40; ++i) {
        const std::string id = "d" + std::to_string(i);
        const Registration first = service.provision(caller_of(id, derived(key_1, id)));
        away += first.hub == there ? 1 : 0;
        EXPECT_EQ(service.provision(caller_of(id, derived(key_1, id))).hub, first.hub);
    }
    EXPECT_GT(away, 10);
    EXPECT_LT(away, 30);
    EXPECT_EQ(hub.identities.size(), static_cast<std::size_t>(away));
}

TEST(LinkedHubs, AHubThatTakesNoPartIsUsedByThoseWhoNameIt) {
    TestService service;
    service.link(there);
    ASSERT_TRUE(service.hub.run(
        service->put_link({.host = there, .connection_string = {}, .weight = 5, .applies = false},
                          twin::Match::any())));
    EnrollmentWish any = to({});
    any.enrollment.allocation = Allocation::hashed;
    service.put(any);
    EXPECT_EQ(service.provision(caller_of("r1")).hub, here);
    service.put(to({there}), twin::Match::any());
    EXPECT_EQ(service.provision(caller_of("r1")).hub, there);
}

TEST(LinkedHubs, LinksAreKeptAndShownWithoutTheirKeys) {
    TestService service;
    service.link(there, 7);
    service.crash();
    const auto link = service->link("HUB.THERE");
    ASSERT_NE(link, nullptr);
    EXPECT_EQ(link->weight, 7u);
    EXPECT_EQ(link->key, base64_encode("key of hub.there"));
    std::string shown;
    append_link(shown, *link);
    EXPECT_THAT(shown, HasSubstr(R"("connectionString":"HostName=hub.there;)"
                                 R"(SharedAccessKeyName=iothubowner;SharedAccessKey=****")"));
    EXPECT_THAT(shown, Not(HasSubstr(link->key)));
    const auto again =
        service.hub.run(service->put_link({.host = there,
                                           .connection_string = link->connection_string(),
                                           .weight = {},
                                           .applies = {}},
                                          {}));
    EXPECT_EQ(again.error().code, Code::device_already_exists);
    const auto kept = service.hub.run(service->put_link(
        {.host = there, .connection_string = link->connection_string(), .weight = 2, .applies = {}},
        twin::Match::one_of({link->etag})));
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(kept->key, link->key);
    EXPECT_EQ(kept->weight, 2u);
    EXPECT_EQ(service.hub.run(service->remove_link(there, twin::Match::one_of({link->etag})))
                  .error()
                  .code,
              Code::precondition_failed);
    EXPECT_TRUE(service.hub.run(service->remove_link(there, twin::Match::any())));
    EXPECT_EQ(service.hub.run(service->remove_link(there, twin::Match::any())).error().code,
              Code::not_found);
}

TEST(LinkedHubs, ADeviceOfAHubThatIsLinkedNoMoreStaysOrIsNew) {
    for (const bool may_move : {false, true}) {
        TestService service;
        service.link(there);
        EnrollmentWish wish = to({}, {may_move, may_move});
        wish.enrollment.allocation = Allocation::hashed;
        service.put(to({there}, {may_move, may_move}));
        service.provision(caller_of("r1"));
        ASSERT_TRUE(service.hub.run(service->remove_link(there, twin::Match::any())));
        service.put(wish, twin::Match::any());
        const Registration again = service.provision(caller_of("r1"));
        EXPECT_EQ(again.progress, Progress::assigned) << again.error_message;
        EXPECT_EQ(again.hub, may_move ? here : there);
        EXPECT_EQ(is_here(service), may_move);
    }
}

}  // namespace
}  // namespace twinhub::provisioning
