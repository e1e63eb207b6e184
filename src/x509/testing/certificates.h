#pragma once

#include "base/result.h"
#include "base/time.h"
#include "x509/certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

// Certificates made on the spot, with OpenSSL; for tests.
namespace twinhub::x509::testing {

inline constexpr Instant made_at{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};

// A certificate with its key. (The one under test is x509::Certificate.)
class Certificate {
public:
    struct Wish {
        std::vector<std::string> common_names{"d1"};
        const Certificate* issuer = nullptr;  // itself when not given
        bool is_authority = false;
        std::string purpose;  // of extendedKeyUsage, such as clientAuth; empty = any
        Instant from = made_at - std::chrono::days(1);
        Instant until = made_at + std::chrono::days(1);
        const EVP_MD* digest = EVP_sha256();
        unsigned rsa_bits = 0;                                // 0 = on the curve P-256
        std::vector<std::pair<int, std::string>> extensions;  // kind and OpenSSL's text for it
    };

    explicit Certificate(const Wish& wish)
        : key_(wish.rsa_bits != 0 ? EVP_RSA_gen(wish.rsa_bits) : EVP_EC_gen("P-256")),
          certificate_(X509_new()) {
        X509* made = certificate_.get();
        const Certificate& issuer = wish.issuer != nullptr ? *wish.issuer : *this;
        CHECK(X509_set_version(made, 2) == 1);
        static long serial = 0;
        ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
        ASN1_TIME_set(X509_getm_notBefore(made), seconds_of(wish.from));
        ASN1_TIME_set(X509_getm_notAfter(made), seconds_of(wish.until));
        for (const std::string& name : wish.common_names)
            X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(name.data()),
                                       static_cast<int>(name.size()), -1, 0);
        X509_set_issuer_name(made, X509_get_subject_name(issuer.get()));
        X509_set_pubkey(made, key_.get());
        if (wish.is_authority) extend(NID_basic_constraints, "critical,CA:TRUE");
        if (!wish.purpose.empty()) extend(NID_ext_key_usage, wish.purpose);
        for (const auto& [kind, value] : wish.extensions) extend(kind, value);
        CHECK(X509_sign(made, issuer.key(), wish.digest) > 0);
    }

    X509* get() const { return certificate_.get(); }
    x509::Certificate read() const { return x509::Certificate::share(get()).value(); }
    EVP_PKEY* key() const { return key_.get(); }
    std::string pem() const {
        return written([this](BIO* to) { return PEM_write_bio_X509(to, get()); });
    }
    std::string key_pem() const {
        return written([this](BIO* to) {
            return PEM_write_bio_PrivateKey(to, key(), nullptr, nullptr, 0, nullptr, nullptr);
        });
    }

private:
    struct Free {
        void operator()(X509* certificate) const { X509_free(certificate); }
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };

    static std::time_t seconds_of(Instant at) {
        return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    }
    void extend(int kind, const std::string& value) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
        CHECK(extension != nullptr && X509_add_ext(get(), extension, -1) == 1);
        X509_EXTENSION_free(extension);
    }
    template <class Write>
    static std::string written(Write write) {
        BIO* memory = BIO_new(BIO_s_mem());
        CHECK(write(memory) == 1);
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(memory, &bytes);
        std::string text(bytes, static_cast<std::size_t>(size));
        BIO_free(memory);
        return text;
    }

    std::unique_ptr<EVP_PKEY, Free> key_;
    std::unique_ptr<X509, Free> certificate_;
};

struct RevocationWish {
    std::vector<const Certificate*> revoked;
    long number = 1;
    Instant issued = made_at - std::chrono::hours(1);
    Instant next_update = made_at + std::chrono::days(7);
    const EVP_MD* digest = EVP_sha256();
    bool delta = false;
};

// A revocation list of `issuer`, as PEM.
inline std::string revocation_list_pem(const Certificate& issuer, const RevocationWish& wish) {
    const auto time_of = [](Instant at) {
        return ASN1_TIME_set(
            nullptr,
            std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
    };
    X509_CRL* list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer.get()));
    ASN1_TIME* issued = time_of(wish.issued);
    ASN1_TIME* next = time_of(wish.next_update);
    X509_CRL_set1_lastUpdate(list, issued);
    X509_CRL_set1_nextUpdate(list, next);
    for (const Certificate* one : wish.revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->get()));
        X509_REVOKED_set_revocationDate(entry, issued);
        CHECK(X509_CRL_add0_revoked(list, entry) == 1);
    }
    ASN1_INTEGER* number = ASN1_INTEGER_new();
    ASN1_INTEGER_set(number, wish.number);
    CHECK(X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) == 1);
    if (wish.delta) CHECK(X509_CRL_add1_ext_i2d(list, NID_delta_crl, number, 1, 0) == 1);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(issued);
    ASN1_TIME_free(next);
    CHECK(X509_CRL_sign(list, issuer.key(), wish.digest) > 0);
    BIO* memory = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509_CRL(memory, list) == 1);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory, &bytes);
    std::string text(bytes, static_cast<std::size_t>(size));
    BIO_free(memory);
    X509_CRL_free(list);
    return text;
}

}  // namespace twinhub::x509::testing
