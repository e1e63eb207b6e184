#include "provisioning/tpm/algorithms.h"

#include "base/result.h"
#include "protocol/sas/token.h"
#include "provisioning/tpm/marshal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <memory>

namespace twinhub::provisioning::tpm {
namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
    void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* in(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

void mask(std::string& bytes, std::size_t at, std::size_t count, std::string_view seed) {
    std::string stream;
    for (std::uint32_t counter = 0; stream.size() < count; ++counter) {
        std::string input(seed);
        append_u32(input, counter);
        stream += sha256(input);
    }
    for (std::size_t i = 0; i < count; ++i)
        bytes[at + i] = static_cast<char>(bytes[at + i] ^ stream[i]);
}

// RFC 8017, 7.1.1, step 2. The chance in it is ours, so that a test knows what comes out.
std::string pad_oaep(std::size_t size, std::string_view label, std::string_view secret,
                     Random& random) {
    constexpr std::size_t seed_at = 1, data_at = 1 + hash_bytes;
    CHECK(secret.size() + 2 * hash_bytes + 2 <= size);
    std::string padded(1, '\0');
    padded += random_bytes(random, hash_bytes);
    padded += sha256(label);
    padded.append(size - padded.size() - 1 - secret.size(), '\0');
    padded += '\1';
    padded += secret;
    mask(padded, data_at, size - data_at, padded.substr(seed_at, hash_bytes));
    mask(padded, seed_at, hash_bytes, std::string_view(padded).substr(data_at));
    return padded;
}

Owned<EVP_PKEY> rsa_key(std::string_view modulus) {
    const Owned<BIGNUM> n(BN_bin2bn(in(modulus), static_cast<int>(modulus.size()), nullptr));
    const Owned<BIGNUM> e(BN_new());
    const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    if (!n || !e || !builder || BN_set_word(e.get(), RSA_F4) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return nullptr;
    const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
        return nullptr;
    return Owned<EVP_PKEY>(key);
}

}  // namespace

std::string random_bytes(Random& random, std::size_t count) {
    std::string bytes(count, '\0');
    random.fill(std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

std::string sha256(std::string_view bytes) {
    std::string hash(hash_bytes, '\0');
    CHECK(EVP_Digest(bytes.data(), bytes.size(), out(hash), nullptr, EVP_sha256(), nullptr) == 1);
    return hash;
}

std::string name_of(std::string_view public_area) {
    std::string name;
    append_u16(name, algorithm::sha256);
    return name += sha256(public_area);
}

std::string derive_key(std::string_view key, std::string_view label, std::string_view context,
                       std::uint16_t bits) {
    CHECK(bits <= hash_bytes * 8);
    std::string input;
    append_u32(input, 1);  // one block is enough for all that is derived here
    input += label;
    input += '\0';
    input += context;
    append_u32(input, bits);
    return protocol::sas::hmac_sha256(key, input).substr(0, bits / 8);
}

std::string encrypt_cfb(std::string_view key, std::string_view plain) {
    CHECK(key.size() == aes_bytes);
    constexpr unsigned char zeros[aes_bytes] = {};
    const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
    std::string cipher(plain.size(), '\0');
    int written = 0;
    CHECK(context != nullptr &&
          EVP_EncryptInit_ex(context.get(), EVP_aes_128_cfb128(), nullptr, in(key), zeros) == 1 &&
          EVP_EncryptUpdate(context.get(), out(cipher), &written, in(plain),
                            static_cast<int>(plain.size())) == 1 &&
          static_cast<std::size_t>(written) == plain.size());
    return cipher;
}

std::string encrypt_oaep(std::string_view modulus, std::string_view label, std::string_view secret,
                         Random& random) {
    const std::string padded = pad_oaep(modulus.size(), std::string(label) + '\0', secret, random);
    const Owned<EVP_PKEY> key = rsa_key(modulus);
    const Owned<EVP_PKEY_CTX> context(key ? EVP_PKEY_CTX_new(key.get(), nullptr) : nullptr);
    std::string cipher(modulus.size(), '\0');
    std::size_t written = cipher.size();
    if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) != 1 ||
        EVP_PKEY_encrypt(context.get(), out(cipher), &written, in(padded), padded.size()) != 1 ||
        written != cipher.size())
        return {};
    return cipher;
}

}  // namespace twinhub::provisioning::tpm
