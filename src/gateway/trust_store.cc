#include "gateway/trust_store.h"

#include "base/encoding.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace twinhub::gateway {
namespace {

constexpr int chain_depth_max = 8;

std::time_t seconds_of(Instant now) {
    return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

std::string digest(X509* certificate, const EVP_MD* kind) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (X509_digest(certificate, kind, bytes, &size) != 1) return {};
    return hex_encode(std::string_view(reinterpret_cast<const char*>(bytes), size));
}

}  // namespace

TrustStore::TrustStore() : store_(X509_STORE_new()) { CHECK(store_ != nullptr); }
TrustStore::~TrustStore() { X509_STORE_free(store_); }

Result<std::shared_ptr<const TrustStore>> TrustStore::create(
    const std::vector<std::string>& authorities_pem) {
    std::shared_ptr<TrustStore> store(new TrustStore);
    for (const std::string& pem : authorities_pem) {
        BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
        X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
        BIO_free(bio);
        ERR_clear_error();
        if (certificate == nullptr)
            return failure(Code::argument_invalid, "A device CA is not a PEM certificate");
        X509_STORE_add_cert(store->store_, certificate);
        X509_free(certificate);
    }
    return store;
}

bool TrustStore::verifies(X509* leaf, STACK_OF_X509* presented, Instant now) const {
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    CHECK(context != nullptr);
    bool good = X509_STORE_CTX_init(context, store_, leaf,
                                    reinterpret_cast<STACK_OF(X509)*>(presented)) == 1;
    if (good) {
        X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context);
        // An operator may trust an intermediate without its root.
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_depth(rules, chain_depth_max);
        // No MD5 or SHA-1 signature: whoever can make two certificates with one digest could be
        // anybody.
        X509_VERIFY_PARAM_set_auth_level(rules, 1);
        X509_VERIFY_PARAM_set_time(rules, seconds_of(now));
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
        good = X509_verify_cert(context) == 1;
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return good;
}

std::string common_name_of(X509* certificate) {
    const X509_NAME* subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return {};
    std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
    return name;
}

std::string sha1_thumbprint_of(X509* certificate) { return digest(certificate, EVP_sha1()); }
std::string sha256_thumbprint_of(X509* certificate) { return digest(certificate, EVP_sha256()); }

bool is_valid_at(X509* certificate, Instant now) {
    std::time_t at = seconds_of(now);
    return X509_cmp_time(X509_get0_notBefore(certificate), &at) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &at) > 0;
}

}  // namespace twinhub::gateway
