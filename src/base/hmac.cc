#include "base/hmac.h"

#include "base/result.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>

namespace twinhub {
namespace {

constexpr std::size_t digest_bytes = 32;

struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, Free>;

// Copied for each signature: OpenSSL's search for an algorithm by its name costs several of them.
MacContext hmac_context() {
    static const MacContext prepared = [] {
        EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        MacContext made(EVP_MAC_CTX_new(hmac));
        EVP_MAC_free(hmac);
        char name[] = "SHA256";
        const OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
            OSSL_PARAM_construct_end()};
        CHECK(made && EVP_MAC_CTX_set_params(made.get(), parameters) == 1);
        return made;
    }();
    MacContext copy(EVP_MAC_CTX_dup(prepared.get()));
    CHECK(copy != nullptr);
    return copy;
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view text) {
    const MacContext context = hmac_context();
    const auto bytes = [](const char* from) {
        return reinterpret_cast<const unsigned char*>(from);
    };
    // OpenSSL takes a null key for "the one before".
    CHECK(EVP_MAC_init(context.get(), bytes(key.empty() ? "" : key.data()), key.size(), nullptr) ==
          1);
    CHECK(EVP_MAC_update(context.get(), bytes(text.data()), text.size()) == 1);
    std::string digest(digest_bytes, '\0');
    std::size_t size = 0;
    CHECK(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                        digest.size()) == 1);
    CHECK(size == digest_bytes);
    return digest;
}

}  // namespace twinhub
