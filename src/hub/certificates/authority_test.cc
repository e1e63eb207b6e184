#include "hub/certificates/authority.h"

#include "x509/testing/certificates.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using Made = x509::testing::Certificate;
using x509::testing::made_at;
using namespace std::chrono_literals;

struct AuthorityTest : ::testing::Test {
    Made root{{.common_names = {"root"}, .is_authority = true}};
    Authority authority = [this] {
        Authority made;
        made.name = "factory";
        made.certificate = root.read();
        made.verification_code = "C0DE";
        made.verification_expires = made_at + 1h;
        return made;
    }();

    Result<> shown(const Made::Wish& wish, Instant now = made_at) const {
        return check_possession(authority, Made(wish).read(), now);
    }
};

TEST_F(AuthorityTest, TheHolderOfTheKeyCanSignTheCode) {
    EXPECT_TRUE(shown({.common_names = {"C0DE"}, .issuer = &root}).has_value());
}

TEST_F(AuthorityTest, NothingLessIsAProof) {
    const Made namesake({.common_names = {"root"}, .is_authority = true});
    const Made other({.common_names = {"other"}, .is_authority = true});
    const Made below({.common_names = {"below"}, .issuer = &root, .is_authority = true});
    for (const Made::Wish& wish : {
             Made::Wish{.common_names = {"C0DE"}},
             Made::Wish{.common_names = {"C0DE"}, .issuer = &namesake},
             Made::Wish{.common_names = {"C0DE"}, .issuer = &other},
             Made::Wish{.common_names = {"C0DE"}, .issuer = &below},
             Made::Wish{.common_names = {"c0de"}, .issuer = &root},
             Made::Wish{.common_names = {"C0DE "}, .issuer = &root},
             Made::Wish{.common_names = {}, .issuer = &root},
             Made::Wish{.common_names = {"C0DE", "C0DE"}, .issuer = &root},
             Made::Wish{.common_names = {"C0DE"}, .issuer = &root, .digest = EVP_sha1()},
             Made::Wish{.common_names = {"C0DE"}, .issuer = &root, .until = made_at - 1h},
         }) {
        const auto proof = shown(wish);
        ASSERT_FALSE(proof.has_value());
        EXPECT_EQ(proof.error().code, Code::argument_invalid);
    }
}

TEST_F(AuthorityTest, ACodeHasItsTime) {
    const Made::Wish wish{.common_names = {"C0DE"}, .issuer = &root};
    EXPECT_TRUE(shown(wish, made_at + 1h).has_value());
    EXPECT_FALSE(shown(wish, made_at + 61min).has_value());
    authority.verification_code.clear();
    EXPECT_FALSE(shown(wish).has_value());
    EXPECT_FALSE(shown({.common_names = {}, .issuer = &root}).has_value());
}

TEST_F(AuthorityTest, OnlyACurrentStrongCaCanBeOne) {
    EXPECT_TRUE(check_authority(root.read(), made_at).has_value());
    EXPECT_FALSE(check_authority(root.read(), made_at + 48h).has_value());
    EXPECT_FALSE(check_authority(Made({.issuer = &root}).read(), made_at).has_value());
    EXPECT_FALSE(check_authority(Made({.is_authority = true, .rsa_bits = 1024}).read(), made_at)
                     .has_value());
}

TEST_F(AuthorityTest, NamesAreThoseOfAzure) {
    for (const char* name : {"a", "Factory-1.CA_x", "0"})
        EXPECT_TRUE(check_authority_name(name).has_value()) << name;
    for (const std::string& name :
         {std::string(), std::string("a b"), std::string("a/b"), std::string("\xc3\xa4"),
          std::string(65, 'a'), std::string("a\0b", 3)})
        EXPECT_FALSE(check_authority_name(name).has_value()) << name;
}

TEST_F(AuthorityTest, WhatIsStoredIsReadBack) {
    authority.etag_number = 77;
    authority.created = made_at;
    authority.updated = made_at + 1h;
    authority.verified_by = VerifiedBy::statement;
    authority.verified = made_at + 2h;
    authority.verified_author = {.principal = "iothubowner", .request_id = "r", .client = "::1"};
    authority.revoked =
        x509::RevocationList::parse(x509::testing::revocation_list_pem(root, {.revoked = {&root}}),
                                    root.read())
            .value();
    std::string bytes;
    append_encoded(bytes, authority);
    const auto read = decode_authority(bytes);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    std::string again;
    append_encoded(again, *read);
    EXPECT_EQ(again, bytes);
    EXPECT_EQ(read->certificate, authority.certificate);
    EXPECT_EQ(read->verified_author, authority.verified_author);
    EXPECT_EQ(read->revoked.size(), 1u);
    // A later release may add to it; anything less is damage.
    EXPECT_TRUE(decode_authority(bytes + "more").has_value());
    for (std::size_t size = 0; size < bytes.size(); size += 7)
        EXPECT_FALSE(decode_authority(bytes.substr(0, size)).has_value()) << size;
}

}  // namespace
}  // namespace twinhub::hub
