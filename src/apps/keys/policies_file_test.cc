#include "apps/keys/policies_file.h"

#include "apps/keys/secret_file.h"
#include "apps/test_folders.h"
#include "base/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

namespace twinhub::apps {
namespace {

using testing::HasSubstr;
using testing::Not;

mode_t mode_of(const std::filesystem::path& file) {
    struct stat facts{};
    return ::stat(file.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

TEST(PoliciesFile, ANewHubHasItsPoliciesWithDifferentKeys) {
    SystemRandom random;
    const auto policies = new_policies(random);
    ASSERT_EQ(policies.size(), 6u);
    std::set<std::string> keys;
    for (const hub::Policy& policy : policies) {
        EXPECT_NE(policy.rights, 0) << policy.name;
        for (const std::string& key : {policy.primary_key, policy.secondary_key}) {
            EXPECT_EQ(base64_decode(key).value_or("").size(), 32u);
            keys.insert(key);
        }
    }
    EXPECT_EQ(keys.size(), 12u);
    EXPECT_EQ(rights_text(policies[0].rights),
              "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect");
}

TEST(PoliciesFile, WhatIsWrittenReadsBackTheSame) {
    const TemporaryFolder folder;
    SystemRandom random;
    const auto policies = new_policies(random);
    const auto file = folder.path() / "policies.yaml";
    ASSERT_TRUE(write_policies(file, policies));
    EXPECT_EQ(mode_of(file), 0600u);
    const auto read = read_policies(file);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_yaml(*read), to_yaml(policies));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        EXPECT_EQ(entry.path(), file);
}

TEST(PoliciesFile, IsRefusedWhenEverybodyMayReadIt) {
    const TemporaryFolder folder;
    SystemRandom random;
    const auto file = folder.path() / "policies.yaml";
    ASSERT_TRUE(write_file(file, to_yaml(new_policies(random)), Access::everybody));
    const auto read = read_policies(file);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::unauthorized);
    EXPECT_THAT(read.error().message, HasSubstr("chmod 600"));
}

TEST(PoliciesFile, NamesEveryMistakeAndNeverAKey) {
    const auto refused = parse_policies(
        "policies:\n  a:\n    rights: [registryRead, everything]\n    primaryKey: c2VjcmV0\n    "
        "secondaryKey: \"!!topsecret\"\n"
        "  A:\n    rights: []\n  b:\n    rights: [serviceConnect]\n    colour: topsecret\n  \"b "
        "b\": {}\n",
        "p.yaml");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "p.yaml:3: a.rights: a right is registryRead, registryWrite, serviceConnect, "
              "deviceConnect, serviceConfig, enrollmentRead, enrollmentWrite, "
              "registrationStatusRead or registrationStatusWrite\n"
              "p.yaml:4: a.primaryKey must be base64 of 16 to 64 bytes\n"
              "p.yaml:5: a.secondaryKey must be base64 of 16 to 64 bytes\n"
              "p.yaml:6: A is there twice\n"
              "p.yaml:10: b has a member that is not rights, primaryKey or secondaryKey\n"
              "p.yaml:9: b.primaryKey is missing\n"
              "p.yaml:9: b.secondaryKey is missing\n"
              "p.yaml:11: the name of a policy is 1 to 64 letters, digits, '-', '_' or '.'");
    EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
}

TEST(PoliciesFile, RefusesWhatIsNoListOfPolicies) {
    for (const char* text :
         {"", "5", "policies:", "policies: []", "policies: [", "policies: {}", "other: {}"})
        EXPECT_FALSE(parse_policies(text, "p.yaml")) << text;
}

TEST(PoliciesFile, RenewsOnlyTheKeysThatWereAskedFor) {
    const TemporaryFolder folder;
    SystemRandom random;
    const auto file = folder.path() / "policies.yaml";
    ASSERT_TRUE(write_policies(file, new_policies(random)));
    const auto service = [&] { return read_policies(file)->at(1); };
    const hub::Policy first = service();

    ASSERT_TRUE(renew_policy_key(file, "Service", KeyChoice::primary, random));
    const hub::Policy second = service();
    EXPECT_NE(second.primary_key, first.primary_key);
    EXPECT_EQ(second.secondary_key, first.secondary_key);

    ASSERT_TRUE(renew_policy_key(file, "service", KeyChoice::swap, random));
    EXPECT_EQ(service().primary_key, second.secondary_key);
    EXPECT_EQ(service().secondary_key, second.primary_key);

    ASSERT_TRUE(renew_policy_key(file, "service", KeyChoice::both, random));
    EXPECT_NE(service().primary_key, second.secondary_key);
    EXPECT_NE(service().secondary_key, second.primary_key);

    const auto refused = renew_policy_key(file, "nobody", KeyChoice::primary, random);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::not_found);
    EXPECT_EQ(mode_of(file), 0600u);
}

}  // namespace
}  // namespace twinhub::apps
