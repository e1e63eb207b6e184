#include "x509/signing_key.h"

#include "base/encoding.h"
#include "base/sha256.h"
#include "x509/handles.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>

namespace twinhub::x509 {
namespace {

std::shared_ptr<EVP_PKEY> shared(EVP_PKEY* key) {
    return {key, [](EVP_PKEY* owned) { EVP_PKEY_free(owned); }};
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

bool is_ed25519(const EVP_PKEY* key) {
    return key != nullptr && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;
}

// Nobody is asked for a pass phrase.
int no_phrase(char*, int, int, void*) { return 0; }

template <class Write>
std::string text_of(Write write) {
    const Owned<BIO> out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

}  // namespace

Result<VerifyingKey> VerifyingKey::parse(std::string_view pem) {
    const Owned<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    auto key = shared(PEM_read_bio_PUBKEY(in.get(), nullptr, no_phrase, nullptr));
    if (!is_ed25519(key.get()))
        return failure(Code::format_invalid, "This is no public Ed25519 key in PEM form");
    return VerifyingKey(std::move(key));
}

std::string VerifyingKey::pem() const {
    return text_of([this](BIO* out) { PEM_write_bio_PUBKEY(out, key_.get()); });
}

std::string VerifyingKey::id() const {
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
    return hex_encode(sha256(raw)).substr(0, 16);
}

bool VerifyingKey::verifies(std::string_view text, std::string_view signature) const {
    const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                            text.size()) == 1;
}

Result<SigningKey> SigningKey::from_seed(const Seed& seed) {
    auto key = shared(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()),
        seed.size()));
    if (!key) return failure(Code::internal, "A signing key could not be made");
    return SigningKey(std::move(key));
}

Result<SigningKey> SigningKey::parse(std::string_view pem) {
    const Owned<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    auto key = shared(PEM_read_bio_PrivateKey(in.get(), nullptr, no_phrase, nullptr));
    if (!is_ed25519(key.get()))
        return failure(Code::format_invalid, "This is no private Ed25519 key in PEM form");
    return SigningKey(std::move(key));
}

std::string SigningKey::secret_pem() const {
    return text_of([this](BIO* out) {
        PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
}

std::string SigningKey::sign(std::string_view text) const {
    std::string signature(64, '\0');
    std::size_t size = signature.size();
    const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes_of(text), text.size()) != 1)
        return {};
    signature.resize(size);
    return signature;
}

}  // namespace twinhub::x509
