#pragma once

#include "base/result.h"
#include "base/time.h"

#include <compare>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;

namespace twinhub::x509 {

// What the registry and the provisioning service say of a certificate (spec service-api 11.3).
struct CertificateInfo {
    std::string subject_name;
    std::string sha1_thumbprint;
    std::string sha256_thumbprint;
    std::string issuer_name;
    Instant not_before = never;
    Instant not_after = never;
    std::string serial_number;
    int version = 3;  // as people count: 1, 2 or 3

    friend bool operator==(const CertificateInfo&, const CertificateInfo&) = default;
};

// An X.509 certificate: immutable, and shared by its copies. Says what is in it; whether it is to
// be believed is judged by a TrustStore.
class Certificate {
public:
    Certificate() = default;  // none

    // One certificate as PEM, base64 of its DER, or base64 of its PEM. Errors: argument_invalid,
    // also when there are several, or it is beyond the limits of limits.h.
    static Result<Certificate> parse(std::string_view text);
    // The same for 1 to `count_max`, in the order of the text.
    static Result<std::vector<Certificate>> parse_all(std::string_view text, std::size_t count_max);
    // Errors: argument_invalid.
    static Result<Certificate> parse_der(std::string_view bytes);
    // One that OpenSSL has parsed already (the peer of a TLS connection); shares the ownership.
    // Errors: argument_invalid when it is beyond the limits.
    static Result<Certificate> share(X509* certificate);

    explicit operator bool() const { return handle_ != nullptr; }
    X509* get() const { return handle_.get(); }
    EVP_PKEY* key() const;  // borrowed; nullptr when OpenSSL does not know its kind

    std::string pem() const;
    std::string der() const;

    // As people read them: the most telling part first, "CN=d1, O=Contoso".
    std::string subject_name() const;
    std::string issuer_name() const;
    // UTF-8; empty when there is none, or several: such a certificate names nobody.
    std::string common_name() const;
    std::string serial_number() const;      // upper-case hex, an even number of digits
    std::string sha1_thumbprint() const;    // of the DER: 40 digits of upper-case hex
    std::string sha256_thumbprint() const;  // 64
    Instant not_before() const;
    Instant not_after() const;
    bool is_valid_at(Instant now) const;  // both ends included
    int version() const;                  // 1, 2 or 3
    bool is_authority() const;            // may sign other certificates, as it says itself
    bool is_self_signed() const;          // and the signature is right
    CertificateInfo info() const;

    // Whether the key of `issuer` made the signature of this one, by a digest that still counts.
    // Says nothing about validity, names or extensions.
    bool is_signed_by(const Certificate& issuer) const;
    bool has_same_key(const Certificate& other) const;
    bool has_issuer_named(const Certificate& issuer) const;  // issuer's subject is our issuer

    friend bool operator==(const Certificate& a, const Certificate& b);

private:
    explicit Certificate(std::shared_ptr<X509> handle) : handle_(std::move(handle)) {}
    std::shared_ptr<X509> handle_;
};

// Whether a key is strong enough to prove anything, and small enough to be asked: RSA of 2048 to
// 8192 bits, the named curves from 224 bits up, Ed25519, Ed448. Errors: argument_invalid, saying
// what it is instead.
Result<> check_key(const Certificate& certificate);

}  // namespace twinhub::x509
