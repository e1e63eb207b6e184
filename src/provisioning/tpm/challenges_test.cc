#include "provisioning/tpm/challenges.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning::tpm {
namespace {

namespace sas = protocol::sas;
using std::chrono::seconds;

Moment at(seconds time) { return Moment{std::chrono::hours{1} + time}; }

Keys keys(char which) {
    return {{.name = std::string(34, which), .modulus = std::string(256, which)},
            {.name = std::string(34, 's'), .modulus = std::string(256, 's')}};
}

Challenge challenge(char which, const std::string& key) {
    return {.keys = keys(which), .signing_key = key, .blob = "blob " + key, .operation = {}};
}

sas::Token signed_with(std::string_view key) {
    return sas::parse_token(sas::make_token({"scope/registrations/r", key, 4'000'000'000, {}}))
        .value();
}

TEST(TpmChallenges, TheSameQuestionIsAnsweredTheSameUntilItEnds) {
    Challenges challenges;
    EXPECT_EQ(challenges.open("r", keys('a'), at(seconds{0})), nullptr);
    challenges.add("r", challenge('a', "one"), at(seconds{0}));
    ASSERT_NE(challenges.open("r", keys('a'), at(seconds{299})), nullptr);
    EXPECT_EQ(challenges.open("r", keys('a'), at(seconds{299}))->blob, "blob one");
    EXPECT_EQ(challenges.open("r", keys('b'), at(seconds{0})), nullptr);
    EXPECT_EQ(challenges.open("other", keys('a'), at(seconds{0})), nullptr);
    EXPECT_EQ(challenges.open("r", keys('a'), at(seconds{300})), nullptr);
}

TEST(TpmChallenges, OnlyItsOwnKeyAnswersAndOnlyInTime) {
    Challenges challenges;
    challenges.add("r", challenge('a', "one"), at(seconds{0}));
    EXPECT_EQ(challenges.answered_by("r", signed_with("two"), at(seconds{1})), nullptr);
    EXPECT_EQ(challenges.answered_by("other", signed_with("one"), at(seconds{1})), nullptr);
    EXPECT_EQ(challenges.answered_by("r", signed_with("one"), at(seconds{300})), nullptr);
    const Challenge* answered = challenges.answered_by("r", signed_with("one"), at(seconds{299}));
    ASSERT_NE(answered, nullptr);
    EXPECT_EQ(answered->keys, keys('a'));
    // Who asks again gets another one; the answer goes on to hold for an hour.
    EXPECT_EQ(challenges.open("r", keys('a'), at(seconds{299})), nullptr);
    EXPECT_NE(challenges.answered_by("r", signed_with("one"), at(seconds{3898})), nullptr);
    EXPECT_EQ(challenges.answered_by("r", signed_with("one"), at(seconds{3899})), nullptr);
}

TEST(TpmChallenges, RememberWhatTheyOpened) {
    Challenges challenges;
    challenges.add("r", challenge('a', "one"), at(seconds{0}));
    challenges.add("r", challenge('b', "two"), at(seconds{0}));
    challenges.opened("r", "one", "5.op");
    challenges.opened("other", "one", "5.other");
    EXPECT_EQ(challenges.answered_by("r", signed_with("one"), at(seconds{1}))->operation, "5.op");
    EXPECT_EQ(challenges.answered_by("r", signed_with("two"), at(seconds{1}))->operation, "");
}

TEST(TpmChallenges, OneRegistrationHasFewAndTheUnansweredGoFirst) {
    Challenges challenges({.of_one_registration = 2});
    challenges.add("r", challenge('a', "one"), at(seconds{0}));
    EXPECT_NE(challenges.answered_by("r", signed_with("one"), at(seconds{1})), nullptr);
    EXPECT_EQ(challenges.room("r", at(seconds{1})), Challenges::Room::free);
    challenges.add("r", challenge('b', "two"), at(seconds{1}));
    EXPECT_EQ(challenges.room("r", at(seconds{2})), Challenges::Room::displaces);
    challenges.add("r", challenge('c', "three"), at(seconds{2}));
    EXPECT_EQ(challenges.size(), 2u);
    EXPECT_EQ(challenges.answered_by("r", signed_with("two"), at(seconds{2})), nullptr);
    EXPECT_NE(challenges.answered_by("r", signed_with("one"), at(seconds{2})), nullptr);
    EXPECT_NE(challenges.answered_by("r", signed_with("three"), at(seconds{2})), nullptr);
}

TEST(TpmChallenges, AllTogetherAreBoundedAndGoWithTime) {
    Challenges challenges({.all = 3});
    for (const char* id : {"r1", "r2", "r3"})
        challenges.add(id, challenge('a', id), at(seconds{0}));
    EXPECT_EQ(challenges.room("r4", at(seconds{299})), Challenges::Room::none);
    EXPECT_NE(challenges.answered_by("r1", signed_with("r1"), at(seconds{299})), nullptr);
    EXPECT_EQ(challenges.room("r4", at(seconds{300})), Challenges::Room::free);
    EXPECT_EQ(challenges.size(), 1u);
    EXPECT_EQ(challenges.room("r4", at(seconds{3899})), Challenges::Room::free);
    EXPECT_EQ(challenges.size(), 0u);
}

TEST(TpmChallenges, OfTwoThatEndTogetherOneMayGoAlone) {
    Challenges challenges({.of_one_registration = 2});
    challenges.add("r", challenge('a', "one"), at(seconds{0}));
    challenges.add("r", challenge('b', "two"), at(seconds{0}));
    EXPECT_NE(challenges.answered_by("r", signed_with("one"), at(seconds{0})), nullptr);
    (void)challenges.room("r", at(seconds{300}));
    EXPECT_EQ(challenges.size(), 1u);
    (void)challenges.room("r", at(seconds{3600}));
    EXPECT_EQ(challenges.size(), 0u);
}

}  // namespace
}  // namespace twinhub::provisioning::tpm
