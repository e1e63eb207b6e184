#include "x509/signing_key.h"

#include <gtest/gtest.h>

namespace twinhub::x509 {
namespace {

SigningKey key_of(std::byte first) {
    SigningKey::Seed seed{};
    seed[0] = first;
    return SigningKey::from_seed(seed).value();
}

TEST(SigningKey, WhatItSignsItsOtherHalfVerifies) {
    const SigningKey key = key_of(std::byte{1});
    const std::string signature = key.sign("the text");
    EXPECT_EQ(signature.size(), 64U);
    EXPECT_TRUE(key.verifying().verifies("the text", signature));
}

TEST(SigningKey, AnotherTextAnotherSignatureOrAnotherKeyIsRefused) {
    const SigningKey key = key_of(std::byte{1});
    std::string signature = key.sign("the text");
    EXPECT_FALSE(key.verifying().verifies("the Text", signature));
    EXPECT_FALSE(key_of(std::byte{2}).verifying().verifies("the text", signature));
    signature[10] = static_cast<char>(signature[10] ^ 1);
    EXPECT_FALSE(key.verifying().verifies("the text", signature));
    EXPECT_FALSE(key.verifying().verifies("the text", ""));
}

TEST(SigningKey, ItGoesToItsFileAndBack) {
    const SigningKey key = key_of(std::byte{7});
    const SigningKey read = SigningKey::parse(key.secret_pem()).value();
    EXPECT_EQ(read.sign("x"), key.sign("x"));
    const VerifyingKey verifying = VerifyingKey::parse(key.verifying().pem()).value();
    EXPECT_TRUE(verifying.verifies("x", read.sign("x")));
    EXPECT_EQ(verifying.id(), key.verifying().id());
    EXPECT_EQ(verifying.id().size(), 16U);
    EXPECT_NE(verifying.id(), key_of(std::byte{8}).verifying().id());
}

// RFC 8032, section 7.1, test 1.
TEST(SigningKey, AgreesWithTheStandard) {
    const unsigned char bytes[] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                                   0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                                   0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    SigningKey::Seed seed{};
    for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = std::byte{bytes[i]};
    const std::string signature = SigningKey::from_seed(seed).value().sign("");
    EXPECT_EQ(static_cast<unsigned char>(signature[0]), 0xe5);
    EXPECT_EQ(static_cast<unsigned char>(signature[1]), 0x56);
    EXPECT_EQ(static_cast<unsigned char>(signature[63]), 0x0b);
}

TEST(SigningKey, WhatIsNoKeyIsRefused) {
    EXPECT_FALSE(SigningKey::parse("nothing"));
    EXPECT_FALSE(VerifyingKey::parse(""));
    EXPECT_FALSE(SigningKey::parse(key_of(std::byte{1}).verifying().pem()));
}

}  // namespace
}  // namespace twinhub::x509
