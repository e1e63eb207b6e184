#include "provisioning/tpm/public_key.h"

#include "base/encoding.h"
#include "provisioning/testing/soft_tpm.h"
#include "provisioning/tpm/algorithms.h"
#include "provisioning/tpm/marshal.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::provisioning::tpm {
namespace {

using provisioning::testing::public_of;
using ::testing::HasSubstr;

const std::string modulus = "\xc1" + std::string(254, 'm') + "\x01";
const std::string endorsement = public_of(modulus, KeyRole::endorsement);
const std::string storage_root = public_of(modulus, KeyRole::storage_root);

// Of a software TPM.
constexpr const char* shown =
    "013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
    "00060080004300100800000000000100cdb0b9b14746a56d782630323bba6bca8b90f517089110e3683fd879"
    "0157859765d5ccee943c7a572efd55740961b3521751fc3eb4fc73942c6d4f564d23e00a4708d8c1ff3fbe88"
    "fefb171d63d2f716c04c9fa2ea61be272865dd7eac9a1e6ea6148f5fc21ede6a7c0331b8ebc15f6faa6c011f"
    "941ac9bf0e0573295b0a20cb48ded6fea6f1e60d59ed70103b1e12745cfa90041f46d0872e724f87defb1164"
    "c01a8d945f208bd840d6b6af83377a79c7415574ddf96cb68ff4696863c252296546accb05af97694dc00c0d"
    "24633058daaf10b75339bef203bc22063ae760d028873611b56a985f6030b76fd653412541366775bac620b9"
    "abd85b0e455153d1";

TEST(TpmPublicKey, ReadsWhatTpmsShow) {
    const std::string real = hex_decode(shown).value();
    EXPECT_EQ(parse_public(real, KeyRole::endorsement)->modulus, real.substr(60));
    EXPECT_FALSE(parse_public(real.substr(1), KeyRole::endorsement));
    EXPECT_EQ(endorsement.size(), 316u);
    const PublicKey read = parse_public(endorsement, KeyRole::endorsement).value();
    EXPECT_EQ(read.modulus, modulus);
    EXPECT_EQ(read.name, name_of(std::string_view(endorsement).substr(2)));
    EXPECT_TRUE(parse_public(storage_root, KeyRole::storage_root));
    // A hierarchy's key may be shown for the other role; the TPM itself tells them apart.
    EXPECT_TRUE(parse_public(storage_root, KeyRole::endorsement));
}

struct Wrong {
    const char* what;
    std::size_t at;  // in the storage root key
    const char* bytes;
    const char* said;
};

TEST(TpmPublicKey, SaysWhatItDoesNotTake) {
    for (const Wrong& wrong : {
             Wrong{"elliptic", 2, "0023", "Only RSA"},
             Wrong{"SHA-384", 4, "000c", "SHA-256"},
             Wrong{"may sign", 6, "00070472", "restricted decryption"},
             Wrong{"not restricted", 6, "00020472", "restricted decryption"},
             Wrong{"may leave the TPM", 6, "00030470", "bound to its TPM"},
             Wrong{"no symmetric algorithm", 12, "0010", "AES-128-CFB"},
             Wrong{"AES-256", 14, "0100", "AES-128-CFB"},
             Wrong{"CBC", 16, "0042", "AES-128-CFB"},
             Wrong{"OAEP", 18, "0017", "no scheme"},
             Wrong{"RSA 3072", 20, "0c00", "2048 bits"},
             Wrong{"exponent 3", 22, "00000003", "65537"},
             Wrong{"a small modulus", 28, "00", "2048 bits"},
             Wrong{"length of the modulus", 26, "00ff", "no TPM2B_PUBLIC"},
             Wrong{"length of the whole", 0, "0118", "no TPM2B_PUBLIC"},
         }) {
        const std::string bytes = hex_decode(wrong.bytes).value();
        std::string changed = storage_root;
        changed.replace(wrong.at, bytes.size(), bytes);
        const auto read = parse_public(changed, KeyRole::storage_root);
        ASSERT_FALSE(read) << wrong.what;
        EXPECT_THAT(read.error().message, HasSubstr(wrong.said)) << wrong.what;
    }
    std::string even = storage_root;
    even.back() = '\2';
    EXPECT_FALSE(parse_public(even, KeyRole::storage_root));
    std::string explicit_exponent = storage_root;
    explicit_exponent.replace(22, 4, hex_decode("00010001").value());
    EXPECT_TRUE(parse_public(explicit_exponent, KeyRole::storage_root));
}

TEST(TpmPublicKey, NothingMayBeMissingOrLeft) {
    for (std::size_t i = 0; i < endorsement.size(); ++i)
        EXPECT_FALSE(parse_public(endorsement.substr(0, i), KeyRole::endorsement)) << i;
    EXPECT_FALSE(parse_public(endorsement + '\0', KeyRole::endorsement));
    EXPECT_FALSE(parse_public(sized(endorsement.substr(2) + '\0'), KeyRole::endorsement));
    EXPECT_FALSE(parse_public(sized(std::string(5000, '\0')), KeyRole::endorsement));
}

RC_GTEST_PROP(TpmPublicKey, AnyBytesAreAnswered, (const std::string& bytes)) {
    RC_ASSERT(!parse_public(bytes, KeyRole::endorsement));
}

}  // namespace
}  // namespace twinhub::provisioning::tpm
