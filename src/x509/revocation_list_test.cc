#include "x509/revocation_list.h"

#include "base/encoding.h"
#include "x509/testing/certificates.h"

#include <gtest/gtest.h>

namespace twinhub::x509 {
namespace {

using Made = testing::Certificate;
using testing::made_at;
using testing::revocation_list_pem;

struct RevocationListTest : ::testing::Test {
    Made root{{.common_names = {"root"}, .is_authority = true}};
    Made good{{.common_names = {"good"}, .issuer = &root}};
    Made bad{{.common_names = {"bad"}, .issuer = &root}};
};

TEST_F(RevocationListTest, TakesBackWhatItNamesAndNothingElse) {
    const auto list = RevocationList::parse(
        revocation_list_pem(root, {.revoked = {&bad}, .number = 255}), root.read());
    ASSERT_TRUE(list.has_value()) << list.error().message;
    EXPECT_TRUE(list->revokes(bad.read()));
    EXPECT_FALSE(list->revokes(good.read()));
    EXPECT_FALSE(list->revokes(root.read()));
    EXPECT_EQ(list->size(), 1u);
    EXPECT_EQ(list->number(), "FF");
    EXPECT_EQ(list->issued(), made_at - std::chrono::hours(1));
    EXPECT_EQ(list->next_update(), made_at + std::chrono::days(7));
    EXPECT_EQ(list->issuer(), root.read());
    // What it keeps reads as the same list again.
    EXPECT_EQ(RevocationList::parse(list->pem(), root.read())->pem(), list->pem());
    EXPECT_TRUE(RevocationList::parse(base64_encode(list->pem()), root.read()).has_value());
}

TEST_F(RevocationListTest, AnEmptyOneTakesNothingBack) {
    const auto list = RevocationList::parse(revocation_list_pem(root, {}), root.read());
    ASSERT_TRUE(list.has_value());
    EXPECT_EQ(list->size(), 0u);
    EXPECT_FALSE(list->revokes(bad.read()));
    EXPECT_FALSE(RevocationList().revokes(bad.read()));
}

TEST_F(RevocationListTest, OnlyItsAuthorityMaySignIt) {
    const Made namesake({.common_names = {"root"}, .is_authority = true});
    const Made other({.common_names = {"other"}, .is_authority = true});
    const Made mute({.common_names = {"mute"},
                     .is_authority = true,
                     .extensions = {{NID_key_usage, "critical,keyCertSign"}}});
    EXPECT_FALSE(RevocationList::parse(revocation_list_pem(namesake, {}), root.read()));
    EXPECT_FALSE(RevocationList::parse(revocation_list_pem(other, {}), root.read()));
    EXPECT_FALSE(RevocationList::parse(revocation_list_pem(mute, {}), mute.read()));
}

TEST_F(RevocationListTest, WhatIsNoCompleteListIsRefused) {
    for (const std::string& text :
         {std::string(), std::string("nothing"), root.pem(),
          revocation_list_pem(root, {.delta = true}),
          revocation_list_pem(root, {.digest = EVP_sha1()}),
          revocation_list_pem(root, {}) + revocation_list_pem(root, {})}) {
        const auto list = RevocationList::parse(text, root.read());
        ASSERT_FALSE(list.has_value()) << text;
        EXPECT_EQ(list.error().code, Code::argument_invalid);
    }
}

TEST_F(RevocationListTest, ListsGoForwardByTheirNumbers) {
    const auto list = [&](long number, Instant issued = made_at) {
        return RevocationList::parse(
                   revocation_list_pem(root, {.number = number, .issued = issued}), root.read())
            .value();
    };
    EXPECT_TRUE(is_newer_or_same(list(2), list(1)));
    EXPECT_TRUE(is_newer_or_same(list(1), list(1)));
    EXPECT_TRUE(is_newer_or_same(list(256), list(255)));
    EXPECT_FALSE(is_newer_or_same(list(9, made_at + std::chrono::hours(1)), list(10)));
}

}  // namespace
}  // namespace twinhub::x509
