#include "provisioning/tpm/activation.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"
#include "provisioning/testing/soft_tpm.h"
#include "provisioning/tpm/algorithms.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::provisioning::tpm {
namespace {

using provisioning::testing::SoftTpm;

Keys keys_of(const SoftTpm& tpm) {
    return {parse_public(tpm.endorsement_key(), KeyRole::endorsement).value(),
            parse_public(tpm.storage_root_key(), KeyRole::storage_root).value()};
}

TEST(Activation, TheTpmTakesTheKeyIn) {
    const SoftTpm device;
    SystemRandom random;
    const std::string key = random_bytes(random, signing_key_bytes);
    const std::string blob = wrap_signing_key(keys_of(device), key, "0ne0000000A", random).value();
    const auto taken = device.take(blob);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->signing_key, key);
    EXPECT_EQ(taken->purpose, "0ne0000000A");
    // May sign with HMAC and SHA-256, without a password and whatever was guessed before.
    EXPECT_EQ(hex_encode(taken->public_area).substr(0, 28),
              "0008000b000404400000"
              "0005000b");
    EXPECT_LE(blob.size(), 960u);  // two segments of SASL
}

// Counts instead of guessing.
class Counting final : public Random {
public:
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = std::byte{next_++};
    }

private:
    std::uint8_t next_ = 0;
};

// Software TPMs and hardware take what has this form; whoever changes it has to show so again.
TEST(Activation, IsLaidOutAsEver) {
    Counting random;
    const auto key = [](char fill, KeyRole role) {
        const std::string modulus = "\xc1" + std::string(254, fill) + "\x01";
        return parse_public(provisioning::testing::public_of(modulus, role), role).value();
    };
    const Keys keys{key('e', KeyRole::endorsement), key('s', KeyRole::storage_root)};
    const std::string blob =
        wrap_signing_key(keys, std::string(signing_key_bytes, 'k'), "0ne0000000A", random).value();
    EXPECT_EQ(blob.size(), 777u);
    EXPECT_EQ(hex_encode(sha256(blob)),
              "5c757dae61d1436903cf16b3d8c219dd229d5ddba334433fd690d7b9a782ef66");
}

TEST(Activation, EachIsWrappedAfresh) {
    const SoftTpm device;
    SystemRandom random;
    const std::string key(signing_key_bytes, 'k');
    const auto one = wrap_signing_key(keys_of(device), key, "", random);
    const auto other = wrap_signing_key(keys_of(device), key, "", random);
    EXPECT_NE(*one, *other);
    EXPECT_EQ(device.take(*one)->signing_key, device.take(*other)->signing_key);
}

TEST(Activation, AnotherTpmCannot) {
    const SoftTpm device(0), other(1);
    SystemRandom random;
    const std::string key(signing_key_bytes, 'k');
    // The endorsement key of the one beside the storage root key of the other: both stay outside.
    Keys mixed = keys_of(device);
    mixed.storage_root = keys_of(other).storage_root;
    const std::string blob = wrap_signing_key(mixed, key, "", random).value();
    EXPECT_FALSE(device.take(blob));
    EXPECT_FALSE(other.take(blob));
}

TEST(Activation, NothingOfItCanBeChanged) {
    const SoftTpm device;
    SystemRandom random;
    const std::string key(signing_key_bytes, 'k');
    const std::string blob = wrap_signing_key(keys_of(device), key, "", random).value();
    for (std::size_t at = 0; at < blob.size() - 2; at += 7) {
        std::string changed = blob;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_FALSE(device.take(changed)) << at;
    }
}

TEST(Activation, AModulusThatIsNoneIsAnsweredWithOneErrorOrSome) {
    const SoftTpm device;
    SystemRandom random;
    Keys keys = keys_of(device);
    keys.endorsement.modulus.assign(256, '\xff');
    const auto blob = wrap_signing_key(keys, std::string(signing_key_bytes, 'k'), "", random);
    if (blob) EXPECT_FALSE(device.take(*blob));
}

// RFC 4493, section 4: AES-128 of the zero block. With zeros to encrypt, CFB shows just that.
TEST(Algorithms, EncryptsAsItSays) {
    const std::string key = hex_decode("2b7e151628aed2a6abf7158809cf4f3c").value();
    EXPECT_EQ(hex_encode(encrypt_cfb(key, std::string(16, '\0'))),
              "7df76b0c1ab899b33e42f047b91b546f");
    EXPECT_EQ(encrypt_cfb(key, ""), "");
}

TEST(Algorithms, DerivesByCounterAndHmac) {
    const std::string key(32, 'k');
    const std::string name = name_of("area");
    std::string input{"\0\0\0\1STORAGE\0", 12};
    input += name;
    input += std::string("\0\0\0\x80", 4);
    EXPECT_EQ(derive_key(key, "STORAGE", name, 128),
              protocol::sas::hmac_sha256(key, input).substr(0, 16));
    EXPECT_EQ(derive_key(key, "INTEGRITY", "", 256).size(), 32u);
    EXPECT_EQ(hex_encode(name).substr(0, 4), "000b");
}

}  // namespace
}  // namespace twinhub::provisioning::tpm
