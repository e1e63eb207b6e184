#include "provisioning/testing/soft_tpm.h"

#include "base/encoding.h"
#include "base/result.h"
#include "protocol/sas/token.h"
#include "provisioning/tpm/algorithms.h"
#include "provisioning/tpm/marshal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstring>
#include <map>

namespace twinhub::provisioning::testing {
namespace {

using namespace tpm;

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;

std::string modulus_of(const Key& key) {
    BIGNUM* n = nullptr;
    CHECK(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n) == 1);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
    BN_bn2bin(n, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(n);
    return bytes;
}

// OpenSSL's own OAEP, which knows nothing of ours.
std::optional<std::string> decrypt_oaep(const Key& key, std::string_view label,
                                        std::string_view cipher) {
    const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new(key.get(), nullptr));
    const std::string text = std::string(label) + '\0';
    auto* copy = static_cast<unsigned char*>(OPENSSL_malloc(text.size()));
    std::memcpy(copy, text.data(), text.size());
    CHECK(EVP_PKEY_decrypt_init(context.get()) == 1 &&
          EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) == 1 &&
          EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) == 1 &&
          EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), copy, static_cast<int>(text.size())) ==
              1);
    std::string plain(256, '\0');
    std::size_t size = plain.size();
    if (EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(plain.data()), &size,
                         reinterpret_cast<const unsigned char*>(cipher.data()), cipher.size()) != 1)
        return std::nullopt;
    return plain.substr(0, size);
}

std::string decrypt_cfb(std::string_view key, std::string_view cipher) {
    constexpr unsigned char zeros[aes_bytes] = {};
    const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
    std::string plain(cipher.size(), '\0');
    int written = 0;
    CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_128_cfb128(), nullptr,
                             reinterpret_cast<const unsigned char*>(key.data()), zeros) == 1 &&
          EVP_DecryptUpdate(context.get(), reinterpret_cast<unsigned char*>(plain.data()), &written,
                            reinterpret_cast<const unsigned char*>(cipher.data()),
                            static_cast<int>(cipher.size())) == 1);
    return plain;
}

// Integrity and confidentiality by a shared seed, undone.
std::optional<std::string> unprotect(std::string_view seed, std::string_view name,
                                     std::string_view bytes) {
    Unmarshal reader(bytes);
    const std::string integrity(reader.sized());
    if (reader.failed() || integrity.size() != hash_bytes) return std::nullopt;
    const std::string encrypted(bytes.substr(2 + integrity.size()));
    const std::string key = derive_key(seed, "INTEGRITY", {}, 256);
    if (protocol::sas::hmac_sha256(key, encrypted + std::string(name)) != integrity)
        return std::nullopt;
    return decrypt_cfb(derive_key(seed, "STORAGE", name, 128), encrypted);
}

// The only thing in `bytes`, led by its length.
std::optional<std::string> only(std::string_view bytes) {
    Unmarshal reader(bytes);
    std::string inside(reader.sized());
    if (!reader.finished()) return std::nullopt;
    return inside;
}

}  // namespace

struct SoftTpm::Parts {
    Key endorsement{EVP_RSA_gen(2048)};
    Key storage_root{EVP_RSA_gen(2048)};
};

SoftTpm::SoftTpm(std::size_t number) {
    static std::map<std::size_t, std::shared_ptr<const Parts>> made;
    std::shared_ptr<const Parts>& parts = made[number];
    if (parts == nullptr) parts = std::make_shared<const Parts>();
    parts_ = parts;
}

std::string public_of(std::string_view modulus, KeyRole role) {
    const bool endorses = role == KeyRole::endorsement;
    std::string area;
    append_u16(area, algorithm::rsa);
    append_u16(area, algorithm::sha256);
    append_u32(area, endorses ? 0x000300b2 : 0x00030472);
    append_sized(area, endorses ? hex_decode("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1d"
                                             "a1b331469aa")
                                      .value()
                                : "");
    append_u16(area, algorithm::aes);
    append_u16(area, 128);
    append_u16(area, algorithm::cfb);
    append_u16(area, algorithm::null);
    append_u16(area, 2048);
    append_u32(area, 0);
    append_sized(area, modulus);
    return sized(area);
}

std::string SoftTpm::endorsement_key() const {
    return public_of(modulus_of(parts_->endorsement), KeyRole::endorsement);
}
std::string SoftTpm::storage_root_key() const {
    return public_of(modulus_of(parts_->storage_root), KeyRole::storage_root);
}
TpmKeys SoftTpm::keys() const {
    return {.endorsement = base64_encode(endorsement_key()),
            .storage_root = base64_encode(storage_root_key())};
}

std::optional<SoftTpm::Taken> SoftTpm::take(std::string_view blob) const {
    Unmarshal reader(blob);
    const std::string_view credential = reader.sized(), secret = reader.sized();
    const std::string_view duplicate = reader.sized(), seed = reader.sized();
    Taken taken;
    taken.public_area = reader.sized();
    const std::string_view purpose = reader.sized();
    if (!reader.finished()) return std::nullopt;

    // TPM2_ActivateCredential
    const std::string root = storage_root_key();
    const auto credential_seed = decrypt_oaep(parts_->endorsement, "IDENTITY", secret);
    if (!credential_seed) return std::nullopt;
    const auto activated =
        unprotect(*credential_seed, name_of(std::string_view(root).substr(2)), credential);
    const auto once = activated ? only(*activated) : std::nullopt;
    if (!once || once->size() != aes_bytes) return std::nullopt;

    // TPM2_Import
    const std::string name = name_of(taken.public_area);
    const auto import_seed = decrypt_oaep(parts_->storage_root, "DUPLICATE", seed);
    if (!import_seed) return std::nullopt;
    const auto outer = unprotect(*import_seed, name, duplicate);
    if (!outer) return std::nullopt;
    const std::string inner = decrypt_cfb(*once, *outer);
    Unmarshal parts(inner);
    const std::string integrity(parts.sized());
    const std::string_view sensitive = parts.sized();
    if (!parts.finished() || sha256(sized(sensitive) + name) != integrity) return std::nullopt;

    // TPM2_Load
    Unmarshal object(sensitive);
    const std::uint16_t type = object.u16();
    const std::string_view password = object.sized();
    const std::string salt(object.sized());
    taken.signing_key = object.sized();
    if (!object.finished() || type != algorithm::keyed_hash || !password.empty() ||
        salt.size() != hash_bytes ||
        !taken.public_area.ends_with(sized(sha256(salt + taken.signing_key))))
        return std::nullopt;
    taken.purpose = decrypt_cfb(*once, purpose);
    return taken;
}

}  // namespace twinhub::provisioning::testing
