#include "x509/seal.h"

#include <gtest/gtest.h>

namespace twinhub::x509 {
namespace {

SigningKey key_of(std::byte first) {
    SigningKey::Seed seed{};
    seed[0] = first;
    return SigningKey::from_seed(seed).value();
}

class Seals : public ::testing::Test {
protected:
    Seals() { append_seal(text, "ledger", key); }
    SigningKey key = key_of(std::byte{1});
    std::string lines = "{\"a\":1}\n{\"b\":2}\n";
    std::string text = lines;
};

TEST_F(Seals, WhatWasSealedHolds) {
    const auto seal = check_seal(text, key.verifying());
    ASSERT_TRUE(seal) << seal.error().message;
    EXPECT_EQ(seal->kind, "ledger");
    EXPECT_EQ(seal->key_id, key.verifying().id());
    EXPECT_EQ(seal->sealed, lines);
}

TEST_F(Seals, AnyOtherByteBreaksIt) {
    for (std::size_t i = 0; i < text.size() - 1; ++i) {
        std::string other = text;
        other[i] = static_cast<char>(other[i] ^ 1);
        EXPECT_FALSE(check_seal(other, key.verifying())) << i;
    }
}

TEST_F(Seals, LinesLeftOutAddedOrMovedBreakIt) {
    const std::string seal = text.substr(lines.size());
    for (const std::string& other : {seal, "{\"a\":1}\n" + seal, lines + lines + seal,
                                     "{\"b\":2}\n{\"a\":1}\n" + seal, lines, std::string()})
        EXPECT_FALSE(check_seal(other, key.verifying())) << other;
}

TEST_F(Seals, AnotherKeyDoesNotVouchForIt) {
    const auto refused = check_seal(text, key_of(std::byte{2}).verifying());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unauthorized);
}

TEST_F(Seals, NothingCanBeSealed) {
    std::string empty;
    append_seal(empty, "ledger", key);
    EXPECT_TRUE(check_seal(empty, key.verifying()));
}

}  // namespace
}  // namespace twinhub::x509
