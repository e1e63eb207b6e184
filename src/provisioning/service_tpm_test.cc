// Devices that come by their TPM: challenged, heard, given the key for their hub.
#include "provisioning/testing/soft_tpm.h"
#include "provisioning/testing/test_service.h"

#include <gmock/gmock.h>

namespace twinhub::provisioning {
namespace {

using namespace testing;
using ::testing::HasSubstr;

EnrollmentWish with_tpm(std::string_view id, TpmKeys keys) {
    EnrollmentWish wish = individual(id);
    wish.enrollment.attestation = std::move(keys);
    return wish;
}
TpmKeys only_endorsement(const SoftTpm& tpm) { return {tpm.keys().endorsement, {}}; }

Caller stranger(std::string_view id) {
    Caller caller = caller_of(id);
    caller.token.clear();
    return caller;
}
Caller signing(std::string_view id, const std::string& key) {
    return caller_of(id, base64_encode(key));
}

class TpmDevices : public ::testing::Test {
protected:
    Challenged challenge(const Caller& caller, const TpmKeys& keys) {
        return service.hub.run(service->challenge(caller, keys));
    }
    // What the device signs with, once it has answered.
    std::string key_of_challenge(std::string_view id, const SoftTpm& tpm) {
        const Challenged challenged = challenge(stranger(id), tpm.keys());
        EXPECT_TRUE(challenged);
        const auto taken = tpm.take(challenged.value_or(""));
        EXPECT_TRUE(taken);
        return taken ? taken->signing_key : std::string(32, '?');
    }
    std::string primary_key_of(std::string_view id) {
        return service.hub.view(hub::testing::id_of(id)).identity->authentication.primary_key;
    }

    SoftTpm device;
    TestService service;
};

TEST_F(TpmDevices, ADeviceAnswersIsAssignedAndGetsTheKeyOfItsHub) {
    service.put(with_tpm("press-1", only_endorsement(device)));
    const Caller caller = signing("press-1", key_of_challenge("press-1", device));
    EXPECT_FALSE(service.hub.run(service->admit(caller)));
    const Outcome begun = service.run(service->register_device(caller, ""));
    ASSERT_TRUE(begun);
    service.hub.settle();
    const Outcome asked = service.run(service->operation(caller, begun->operation));
    ASSERT_TRUE(asked);
    const json::value body = parse_json(asked->body).value();
    EXPECT_EQ(body.at("status"), "assigned");
    const json::value& state = body.at("registrationState");
    EXPECT_EQ(state.at("assignedHub"), "localhost");
    const auto taken = device.take(
        base64_decode(std::string_view(state.at("tpm").at("authenticationKey").as_string()))
            .value());
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->purpose, scope);
    EXPECT_EQ(base64_encode(taken->signing_key), primary_key_of("press-1"));
    const auto& authentication =
        service.hub.view(hub::testing::id_of("press-1")).identity->authentication;
    EXPECT_EQ(authentication.type, hub::AuthenticationType::sas);
    EXPECT_NE(authentication.secondary_key, authentication.primary_key);
    EXPECT_THAT(service.run(service->lookup(caller))->body, HasSubstr("authenticationKey"));
    EXPECT_EQ(service.metrics().open_challenges.Value(), 1);
}

TEST_F(TpmDevices, OnlyTheEnrolledKeysAreChallenged) {
    const SoftTpm other(1);
    service.put(with_tpm("open", only_endorsement(device)));
    service.put(with_tpm("bound", device.keys()));
    service.put(individual("symmetric"));
    service.put(group("fleet"));
    const auto is_refused = [&](const Caller& caller, const TpmKeys& keys) {
        const Challenged challenged = challenge(caller, keys);
        return !challenged && challenged.error().error.code == Code::unauthorized &&
               challenged.error().error.message == "Unauthorized";
    };
    TpmKeys other_root = device.keys();
    other_root.storage_root = other.keys().storage_root;
    EXPECT_TRUE(challenge(stranger("open"), other_root));
    EXPECT_TRUE(is_refused(stranger("bound"), other_root));
    EXPECT_TRUE(is_refused(stranger("open"), other.keys()));
    EXPECT_TRUE(is_refused(stranger("open"), only_endorsement(device)));
    EXPECT_TRUE(is_refused(stranger("open"), {"nonsense", "%%"}));
    EXPECT_TRUE(is_refused(stranger("nobody"), device.keys()));
    EXPECT_TRUE(is_refused(stranger("symmetric"), device.keys()));
    Caller elsewhere = stranger("open");
    elsewhere.scope = "0ne0000000B";
    EXPECT_TRUE(is_refused(elsewhere, device.keys()));
    EXPECT_EQ(service.metrics().open_challenges.Value(), 1);
}

TEST_F(TpmDevices, OnlyTheAnswerOfThatTpmIsHeard) {
    const SoftTpm other(1);
    service.put(with_tpm("one", only_endorsement(device)));
    service.put(with_tpm("two", only_endorsement(other)));
    const std::string of_one = key_of_challenge("one", device);
    const std::string of_two = key_of_challenge("two", other);
    const auto is_heard = [&](const Caller& caller) {
        return service.run(service->register_device(caller, "")).has_value();
    };
    EXPECT_FALSE(is_heard(stranger("one")));
    EXPECT_FALSE(is_heard(caller_of("one", key_1)));
    EXPECT_FALSE(is_heard(signing("one", of_two)));
    Caller borrowed = signing("one", of_one);
    borrowed.id = id_of("two");
    EXPECT_FALSE(is_heard(borrowed));
    EXPECT_TRUE(service.hub.run(service->admit(signing("two", of_one))));
    EXPECT_TRUE(is_heard(signing("one", of_one)));
}

TEST_F(TpmDevices, AnAnswerThatComesTooLateIsNone) {
    service.put(with_tpm("one", only_endorsement(device)));
    const std::string key = key_of_challenge("one", device);
    service.hub.clock().advance(std::chrono::seconds{301});
    EXPECT_FALSE(service.run(service->register_device(signing("one", key), "")));
    const std::string next = key_of_challenge("one", device);
    EXPECT_NE(next, key);
    EXPECT_TRUE(service.run(service->register_device(signing("one", next), "")));
}

TEST_F(TpmDevices, AskingTwiceGivesTheSameChallengeUntilItIsAnswered) {
    service.put(with_tpm("one", only_endorsement(device)));
    const std::string key = key_of_challenge("one", device);
    EXPECT_EQ(key_of_challenge("one", device), key);
    service.provision(signing("one", key));
    EXPECT_NE(key_of_challenge("one", device), key);
}

TEST_F(TpmDevices, AnAnswerOpensOneRegistrationHoweverOftenItIsSaid) {
    service.put(with_tpm("one", only_endorsement(device)));
    const Caller caller = signing("one", key_of_challenge("one", device));
    const Outcome begun = service.run(service->register_device(caller, ""));
    service.hub.settle();
    const std::string key = primary_key_of("one");
    const Outcome again = service.run(service->register_device(caller, ""));
    service.hub.settle();
    ASSERT_TRUE(begun && again);
    EXPECT_EQ(again->operation, begun->operation);
    EXPECT_EQ(primary_key_of("one"), key);
    // Another challenge, another registration, another key.
    service.provision(signing("one", key_of_challenge("one", device)));
    EXPECT_NE(primary_key_of("one"), key);
}

TEST_F(TpmDevices, AnotherEnrollmentEndsWhatTheOldOneAllowed) {
    const SoftTpm other(1);
    service.put(with_tpm("one", only_endorsement(device)));
    const Caller caller = signing("one", key_of_challenge("one", device));
    service.provision(caller);
    service.put(with_tpm("one", only_endorsement(other)), twin::Match::any());
    EXPECT_FALSE(service.run(service->register_device(caller, "")));
    EXPECT_FALSE(service.run(service->lookup(caller)));
    const Registration registration =
        service.provision(signing("one", key_of_challenge("one", other)));
    EXPECT_FALSE(device.take(registration.tpm_key));
    EXPECT_TRUE(other.take(registration.tpm_key));
}

TEST_F(TpmDevices, ADisabledEnrollmentIsToldAsSuchAndGivesNoKey) {
    EnrollmentWish wish = with_tpm("one", only_endorsement(device));
    wish.enrollment.status = Status::disabled;
    service.put(wish);
    const Registration registration =
        service.provision(signing("one", key_of_challenge("one", device)));
    EXPECT_EQ(registration.progress, Progress::disabled);
    EXPECT_EQ(registration.tpm_key, "");
}

TEST_F(TpmDevices, TheWrappedKeySurvivesACrashAndTheChallengeDoesNot) {
    service.put(with_tpm("one", only_endorsement(device)));
    const Caller caller = signing("one", key_of_challenge("one", device));
    const Registration before = service.provision(caller);
    service.crash();
    const auto after = service.hub.run(service->registration(id_of("one")));
    EXPECT_EQ(after->tpm_key, before.tpm_key);
    EXPECT_EQ(base64_encode(device.take(after->tpm_key)->signing_key), primary_key_of("one"));
    EXPECT_FALSE(service.run(service->lookup(caller)));
    service.provision(signing("one", key_of_challenge("one", device)));
}

TEST(TpmEnrollments, OnlyKeysThatCanBeChallengedAreEnrolled) {
    const SoftTpm device;
    TestService service;
    const auto put = [&](TpmKeys keys, EnrollmentKind kind = EnrollmentKind::individual) {
        EnrollmentWish wish = with_tpm("one", std::move(keys));
        wish.enrollment.kind = kind;
        const auto made = service.hub.run(service->put(std::move(wish), {}));
        return made ? std::string("made") : made.error().where + ": " + made.error().message;
    };
    std::string elliptic = device.endorsement_key();
    elliptic[3] = '\x23';
    EXPECT_EQ(put({"", ""}),
              "attestation.tpm.endorsementKey: The key is no TPM2B_PUBLIC structure");
    EXPECT_EQ(put({base64_encode(elliptic), ""}),
              "attestation.tpm.endorsementKey: Only RSA keys of a TPM are taken");
    EXPECT_THAT(put({device.keys().endorsement, "x"}), HasSubstr("attestation.tpm.storageRootKey"));
    EXPECT_EQ(put(device.keys(), EnrollmentKind::group),
              "attestation.type: A group cannot be proved by a TPM");
    EXPECT_EQ(put(device.keys()), "made");
}

TEST(TpmGuessing, WhoAsksForChallengesAndAnswersNoneIsTurnedAway) {
    const SoftTpm device;
    TestService service(
        {{.host = "localhost"}}, {},
        {.registrations_per_second = 0, .requests_per_minute = 0, .failures_per_minute = 5});
    service.put(with_tpm("one", only_endorsement(device)));
    const auto ask = [&](char which, const char* address) {
        TpmKeys keys = device.keys();
        keys.storage_root = base64_encode(
            public_of("\xc1" + std::string(254, which) + "\x01", tpm::KeyRole::storage_root));
        Caller caller = stranger("one");
        caller.client = address;
        const Challenged challenged = service.hub.run(service->challenge(caller, keys));
        return challenged ? Code::internal : challenged.error().error.code;
    };
    char which = 'a';
    for (int i = 0; i < 9; ++i) EXPECT_EQ(ask(which++, "192.0.2.9"), Code::internal) << i;
    EXPECT_EQ(ask(which++, "192.0.2.9"), Code::throttled);
    // Nobody else is: the device itself is let in.
    EXPECT_EQ(ask(which++, "192.0.2.1"), Code::internal);
    EXPECT_EQ(service.metrics().open_challenges.Value(), 4);
}

}  // namespace
}  // namespace twinhub::provisioning
