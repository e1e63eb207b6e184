#include "provisioning/testing/test_service.h"

#include <gmock/gmock.h>

namespace twinhub::provisioning {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TwinId twin(std::string_view id) { return hub::testing::id_of(id); }

std::string tags_of(TestService& service, std::string_view id) {
    return to_text(service.hub.view(twin(id)).twin.tags.to_json());
}
std::string desired_of(TestService& service, std::string_view id) {
    return to_text(service.hub.view(twin(id)).twin.desired.to_json());
}
std::string reported_of(TestService& service, std::string_view id) {
    return to_text(service.hub.view(twin(id)).twin.reported.to_json());
}
void report(TestService& service, std::string_view id, std::string_view body) {
    const auto done = service.hub.begin_report(twin(id), body);
    service.hub.settle();
    ASSERT_TRUE(done.get());
}

EnrollmentWish with_twin(EnrollmentWish wish) {
    wish.enrollment.initial_twin = {R"({"site":"west"})", R"({"rate":40})"};
    return wish;
}

TEST(Provisioning, AnEnrolledDeviceGetsItsHubItsKeysAndItsTwin) {
    TestService service;
    service.put(with_twin(individual("Reg-01")));
    const Registration registration = service.provision(caller_of("Reg-01"));
    EXPECT_EQ(registration.progress, Progress::assigned);
    EXPECT_EQ(registration.substatus, Substatus::initial_assignment);
    EXPECT_EQ(registration.hub, "localhost");
    EXPECT_EQ(registration.device_id, "Reg-01");
    const hub::TwinView view = service.hub.view(twin("Reg-01"));
    EXPECT_EQ(view.identity->authentication.type, hub::AuthenticationType::sas);
    EXPECT_EQ(view.identity->authentication.primary_key, key_1);
    EXPECT_EQ(view.identity->authentication.secondary_key, key_2);
    EXPECT_EQ(tags_of(service, "Reg-01"), R"({"site":"west"})");
    EXPECT_EQ(desired_of(service, "Reg-01"), R"({"rate":40})");
    EXPECT_EQ(view.twin.versions, twin::Versions{});
}

TEST(Provisioning, TheFirstAnswerIsAssigningAndThePollTellsTheResult) {
    TestService service;
    service.put(individual("r1"));
    const Outcome begun = service.run(service->register_device(caller_of("r1"), "{}"));
    ASSERT_TRUE(begun);
    EXPECT_TRUE(begun->assigning);
    EXPECT_EQ(begun->retry_after, service.settings.retry_after);
    EXPECT_EQ(begun->body, R"({"operationId":")" + begun->operation + R"(","status":"assigning"})");
    EXPECT_EQ(begun->operation.find_first_not_of("0123456789abcdefABCDEF.-"), std::string::npos);
    const Outcome asked = service.run(service->operation(caller_of("r1"), begun->operation));
    ASSERT_TRUE(asked);
    EXPECT_FALSE(asked->assigning);
    const json::value body = parse_json(asked->body).value();
    EXPECT_EQ(body.at("status"), "assigned");
    EXPECT_EQ(body.at("operationId").get_string(), begun->operation);
    const json::value& state = body.at("registrationState");
    EXPECT_EQ(state.at("assignedHub"), "localhost");
    EXPECT_EQ(state.at("deviceId"), "r1");
    EXPECT_EQ(state.at("registrationId"), "r1");
    EXPECT_EQ(state.at("substatus"), "initialAssignment");
    EXPECT_FALSE(state.as_object().contains("errorCode"));
}

TEST(Provisioning, WhileTheStoreWritesAPollSaysAssigning) {
    TestService service;
    service.put(individual("r1"));
    service.hub.hold();
    const Outcome begun = service.run(service->register_device(caller_of("r1"), ""));
    const Outcome early = service.run(service->operation(caller_of("r1"), begun->operation));
    EXPECT_TRUE(early->assigning);
    EXPECT_EQ(service.metrics().assigning.Value(), 1);
    service.hub.release();
    service.hub.settle();
    EXPECT_FALSE(service.run(service->operation(caller_of("r1"), begun->operation))->assigning);
    EXPECT_EQ(service.metrics().assigning.Value(), 0);
}

TEST(Provisioning, TheSameIdTwiceAtOnceMakesOneDevice) {
    TestService service;
    service.put(individual("r1"));
    const auto one = service.hub.begin(service->register_device(caller_of("r1"), ""));
    const auto other = service.hub.begin(service->register_device(caller_of("R1"), ""));
    service.hub.settle();
    ASSERT_TRUE(one.get() && other.get());
    EXPECT_EQ(one.get()->operation, other.get()->operation);
    EXPECT_EQ(service.hub.run(service.hub.registry().statistics())->devices_enabled, 1u);
}

TEST(Provisioning, DevicesOfAGroupHaveDerivedKeys) {
    TestService service;
    service.put(group("fleet"));
    const std::string own = derived(key_2, "dev-1");
    const Registration registration = service.provision(caller_of("dev-1", own));
    EXPECT_EQ(registration.kind, EnrollmentKind::group);
    EXPECT_EQ(registration.enrollment, "fleet");
    const hub::TwinView view = service.hub.view(twin("dev-1"));
    EXPECT_EQ(view.identity->authentication.primary_key, derived(key_1, "dev-1"));
    EXPECT_EQ(view.identity->authentication.secondary_key, own);
    const auto page = service.hub.run(service->registrations(id_of("FLEET"), "", 10));
    ASSERT_TRUE(page);
    ASSERT_EQ(page->registrations.size(), 1u);
    EXPECT_EQ(page->registrations[0], registration);
}

TEST(Provisioning, AnIndividualEnrollmentGoesBeforeAGroup) {
    TestService service;
    service.put(group("fleet"));
    service.put(individual("dev-1"));
    const Outcome by_group =
        service.run(service->register_device(caller_of("dev-1", derived(key_1, "dev-1")), ""));
    ASSERT_FALSE(by_group);
    EXPECT_EQ(by_group.error().error.code, Code::unauthorized);
    EXPECT_EQ(service.provision(caller_of("dev-1")).kind, EnrollmentKind::individual);
}

TEST(Provisioning, ADisabledEnrollmentIsToldAsSuch) {
    TestService service;
    EnrollmentWish off = individual("r1");
    off.enrollment.status = Status::disabled;
    service.put(off);
    const Registration registration = service.provision(caller_of("r1"));
    EXPECT_EQ(registration.progress, Progress::disabled);
    EXPECT_FALSE(service.hub.run(service.hub.registry().get(twin("r1"))));
    EnrollmentWish fleet = group("fleet");
    fleet.enrollment.status = Status::disabled;
    service.put(fleet);
    EXPECT_EQ(service.provision(caller_of("r2", derived(key_1, "r2"))).progress,
              Progress::disabled);
}

TEST(Provisioning, ADeviceMayHaveAnotherNameAndBeAnEdgeDevice) {
    TestService service;
    EnrollmentWish wish = individual("r1");
    wish.enrollment.device_id = "Press-7";
    wish.enrollment.iot_edge = true;
    service.put(wish);
    EXPECT_EQ(service.provision(caller_of("r1")).device_id, "Press-7");
    EXPECT_TRUE(service.hub.view(twin("Press-7")).identity->iot_edge);
    EXPECT_TRUE(
        service.hub.run(service.hub.registry().get(hub::testing::id_of("Press-7", "$edgeAgent"))));
}

TEST(Provisioning, AResultSurvivesACrashAndSoDoesItsOperation) {
    TestService service;
    service.put(individual("r1"));
    service.put(group("fleet"));
    const Outcome begun = service.run(service->register_device(caller_of("r1"), ""));
    service.hub.settle();
    service.crash();
    const Outcome asked = service.run(service->operation(caller_of("r1"), begun->operation));
    ASSERT_TRUE(asked);
    EXPECT_THAT(asked->body, HasSubstr(R"("status":"assigned")"));
    EXPECT_EQ(service.provision(caller_of("x", derived(key_1, "x"))).progress, Progress::assigned);
    EXPECT_EQ(service.metrics().registrations.Value(), 2);
}

// The device is made, the record of it is not: the next registration finds the device and keeps it.
TEST(Provisioning, ACrashBetweenDeviceAndRecordIsMadeGoodByTheNextRegistration) {
    TestService service;
    service.put(with_twin(individual("r1")));
    service.provision(caller_of("r1"));
    report(service, "r1", R"({"seen":1})");
    ASSERT_TRUE(service.hub.run(service->remove_registration(id_of("r1"), twin::Match::any())));
    const Registration again = service.provision(caller_of("r1"));
    EXPECT_EQ(again.progress, Progress::assigned);
    EXPECT_EQ(again.device_id, "r1");
    EXPECT_EQ(reported_of(service, "r1"), R"({"seen":1})");
}

TEST(Provisioning, AnUnknownOperationIsNotFoundAndAnothersIsNeither) {
    TestService service;
    service.put(individual("r1"));
    service.put(individual("r2"));
    const Outcome mine = service.run(service->register_device(caller_of("r1"), ""));
    service.provision(caller_of("r2"));
    const Outcome foreign = service.run(service->operation(caller_of("r2"), mine->operation));
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().error.code, Code::not_found);
    EXPECT_FALSE(service.run(service->operation(caller_of("r1"), "5.0.0")));
}

TEST(Provisioning, OnlyWhoHasTheKeyIsHeard) {
    TestService service;
    service.put(individual("r1"));
    service.put(group("fleet"));
    const auto refused = [&](const Caller& caller) {
        const Outcome outcome = service.run(service->register_device(caller, ""));
        return !outcome && outcome.error().error.code == Code::unauthorized;
    };
    EXPECT_TRUE(refused(caller_of("r1", base64_encode("0123456789abcdef"))));
    EXPECT_TRUE(refused(caller_of("r2", key_1)));  // the group's own key
    Caller elsewhere = caller_of("r1");
    elsewhere.scope = "0ne0000000B";
    EXPECT_TRUE(refused(elsewhere));
    Caller borrowed = caller_of("r1");
    borrowed.id = id_of("r3");
    EXPECT_TRUE(refused(borrowed));
    Caller silent = caller_of("r1");
    silent.token.clear();
    EXPECT_TRUE(refused(silent));
    Caller named = caller_of("r1");
    named.token = token_of("r1", key_1, "owner");
    EXPECT_TRUE(refused(named));
    Caller python = caller_of("r1");
    python.token = token_of("r1", key_1, "");
    EXPECT_FALSE(refused(python));
}

TEST(Provisioning, ARegisterBodyForAnotherIdIsRefused) {
    TestService service;
    service.put(individual("r1"));
    for (const char* body : {"", " ", "{}", R"({"registrationId":"R1"})",
                             R"({"payload":null,"registrationId":"r1"})", R"({"payload":{"a":1}})"})
        EXPECT_TRUE(service.run(service->register_device(caller_of("r1"), body))) << body;
    for (const char* body : {R"({"registrationId":"r2"})", "{", "[]", R"({"registrationId":7})"})
        EXPECT_FALSE(service.run(service->register_device(caller_of("r1"), body))) << body;
}

TEST(Provisioning, ADeviceThatWasDeletedInTheHubIsMadeAgain) {
    TestService service;
    EnrollmentWish wish = with_twin(individual("r1"));
    wish.enrollment.reprovision = {.update_hub_assignment = false, .migrate_device_data = false};
    service.put(wish);
    service.provision(caller_of("r1"));
    ASSERT_TRUE(service.hub.run(
        service.hub.registry().remove(twin("r1"), twin::Match::any(), hub::testing::author_of())));
    EXPECT_EQ(service.provision(caller_of("r1")).substatus, Substatus::initial_assignment);
    EXPECT_EQ(tags_of(service, "r1"), R"({"site":"west"})");
}

TEST(Provisioning, NewKeysOfAnEnrollmentReachTheDeviceWhenItRegisters) {
    TestService service;
    service.put(individual("r1"));
    service.provision(caller_of("r1"));
    EnrollmentWish renewed = individual("r1");
    renewed.enrollment.attestation = SymmetricKeys{key_2, key_1};
    service.put(renewed, twin::Match::any());
    service.provision(caller_of("r1", key_2));
    EXPECT_EQ(service.hub.view(twin("r1")).identity->authentication.primary_key, key_2);
}

TEST(Provisioning, ADeviceThatWasDisabledInTheHubStaysSo) {
    TestService service;
    service.put(individual("r1"));
    service.provision(caller_of("r1"));
    hub::IdentitySpec off = hub::testing::spec_of("r1");
    off.status = hub::Status::disabled;
    off.status_reason = "stolen";
    ASSERT_TRUE(service.hub.run(
        service.hub.registry().update(off, twin::Match::any(), hub::testing::author_of())));
    service.provision(caller_of("r1"));
    const hub::TwinView view = service.hub.view(twin("r1"));
    EXPECT_EQ(view.identity->status, hub::Status::disabled);
    EXPECT_EQ(view.identity->status_reason, "stolen");
    EXPECT_EQ(view.identity->authentication.primary_key, key_1);
}

TEST(Provisioning, AFullHubFailsTheRegistrationAndSaysSo) {
    TestService service({{.host = "localhost"}}, {.identities_max = 1});
    service.put(group("fleet"));
    service.provision(caller_of("a", derived(key_1, "a")));
    const Registration failed = service.provision(caller_of("b", derived(key_1, "b")));
    EXPECT_EQ(failed.progress, Progress::failed);
    EXPECT_EQ(failed.error_number, 413002u);
    EXPECT_THAT(failed.error_message, HasSubstr("no room"));
}

// Spec twin-document 10, with the twin's data.
struct Reprovisioned {
    const char* name;
    ReprovisionPolicy policy;
    Substatus substatus;
    const char* desired;
    const char* reported;
};

TEST(Provisioning, RegisteringAgainFollowsThePolicy) {
    constexpr Reprovisioned cases[] = {
        {"migrate", {true, true}, Substatus::initial_assignment, R"({"rate":55})", R"({"v":1})"},
        {"reset", {true, false}, Substatus::device_data_reset, R"({"rate":40})", "{}"},
        {"never", {false, false}, Substatus::initial_assignment, R"({"rate":55})", R"({"v":1})"},
    };
    for (const Reprovisioned& c : cases) {
        SCOPED_TRACE(c.name);
        TestService service;
        EnrollmentWish wish = with_twin(individual("r1"));
        wish.enrollment.reprovision = c.policy;
        service.put(wish);
        const Registration first = service.provision(caller_of("r1"));
        ASSERT_TRUE(service.hub.patch(twin("r1"), R"({"properties":{"desired":{"rate":55}}})"));
        report(service, "r1", R"({"v":1})");
        const Registration again = service.provision(caller_of("r1"));
        EXPECT_EQ(again.progress, Progress::assigned);
        EXPECT_EQ(again.substatus, c.substatus);
        EXPECT_EQ(again.created, first.created);
        EXPECT_NE(again.etag, first.etag);
        EXPECT_EQ(again.operations.size(), 2u);
        EXPECT_EQ(desired_of(service, "r1"), c.desired);
        EXPECT_EQ(reported_of(service, "r1"), c.reported);
        EXPECT_EQ(hub::testing::wrong_with(service.hub), "");
    }
}

TEST(Provisioning, HashedAllocationUsesAllHubsAndKeepsADeviceWhereItIs) {
    TestService service({{.host = "hub.a"}, {.host = "hub.b"}});
    service.put(group("fleet"));
    std::map<std::string, std::string> homes;
    for (int i = 0; i < 40; ++i) {
        const std::string id = "d" + std::to_string(i);
        homes[id] = service.provision(caller_of(id, derived(key_1, id))).hub;
    }
    std::map<std::string, int> counts;
    for (const auto& [id, home] : homes) ++counts[home];
    EXPECT_GT(counts["hub.a"], 8);
    EXPECT_GT(counts["hub.b"], 8);
    for (const auto& [id, home] : homes)
        EXPECT_EQ(service.provision(caller_of(id, derived(key_1, id))).hub, home);
    service.crash();
    for (const LinkedHub& hub : service->hubs())
        EXPECT_EQ(hub.assigned, static_cast<std::uint64_t>(counts[hub.host]));
}

TEST(Provisioning, TheLeastLoadedHubGetsTheNextDevice) {
    TestService service({{.host = "hub.a"}, {.host = "hub.b", .weight = 3}});
    EnrollmentWish wish = group("fleet");
    wish.enrollment.allocation = Allocation::geo_latency;
    service.put(wish);
    std::map<std::string, int> counts;
    for (int i = 0; i < 20; ++i) {
        const std::string id = "d" + std::to_string(i);
        ++counts[service.provision(caller_of(id, derived(key_1, id))).hub];
    }
    EXPECT_EQ(counts["hub.a"], 5);
    EXPECT_EQ(counts["hub.b"], 15);
}

TEST(Provisioning, AnEnrollmentMayNameItsHubs) {
    TestService service({{.host = "hub.a"}, {.host = "hub.b"}});
    EnrollmentWish wish = individual("r1");
    wish.enrollment.allocation = Allocation::fixed;
    wish.enrollment.hubs = {"HUB.B"};
    service.put(wish);
    EXPECT_EQ(service.provision(caller_of("r1")).hub, "hub.b");
    wish.enrollment.id = id_of("r2");
    wish.enrollment.hubs = {"hub.c"};
    const auto refused = service.hub.run(service->put(wish, {}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().where, "iotHubs");
}

TEST(Provisioning, GuessingIsSlowedAndStopped) {
    TestService service({{.host = "localhost"}}, {}, {.failures_per_minute = 10});
    service.put(individual("r1"));
    std::vector<std::int64_t> delays;
    for (int i = 0; i < 10; ++i) {
        const Outcome guess = service.run(service->register_device(
            caller_of("r1", base64_encode(std::string(32, static_cast<char>('a' + i)))), ""));
        ASSERT_FALSE(guess);
        EXPECT_EQ(guess.error().error.code, Code::unauthorized);
        delays.push_back(guess.error().held_back.count());
    }
    EXPECT_THAT(delays, ElementsAre(0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 8000));
    const Outcome unheard = service.run(service->register_device(caller_of("r1"), ""));
    ASSERT_FALSE(unheard);
    EXPECT_EQ(unheard.error().error.code, Code::throttled);
    EXPECT_GT(unheard.error().retry_after.count(), 0);
    Caller elsewhere = caller_of("r1");
    elsewhere.client = "192.0.2.2";
    EXPECT_TRUE(service.run(service->register_device(elsewhere, "")));
    service.hub.clock().advance(std::chrono::minutes{1});
    EXPECT_TRUE(service.run(service->register_device(caller_of("r1"), "")));
}

}  // namespace
}  // namespace twinhub::provisioning
