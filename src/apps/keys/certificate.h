#pragma once

#include "base/result.h"
#include "base/time.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {

struct OpenSslDeleter {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, OpenSslDeleter>;
using Certificate = std::unique_ptr<X509, OpenSslDeleter>;

enum class KeyAlgorithm : std::uint8_t { ecdsa_p256, rsa_2048 };

Result<Key> make_key(KeyAlgorithm algorithm);

struct Lifetime {
    Instant from;
    Instant to;
};

// A self-signed CA certificate that may sign leaves only.
Result<Certificate> make_ca(std::string_view common_name, EVP_PKEY& key, Lifetime lifetime);

// A server certificate; `names` are host names and IP addresses, the first is the subject too.
Result<Certificate> make_server_certificate(std::span<const std::string> names, EVP_PKEY& key,
                                            X509& ca, EVP_PKEY& ca_key, Lifetime lifetime);

// Who signs: a certificate with its key.
struct Issuer {
    X509& certificate;
    EVP_PKEY& key;
};

// A CA certificate that may sign other CAs and devices; a root when there is no issuer.
Result<Certificate> make_device_authority(std::string_view common_name, EVP_PKEY& key,
                                          const Issuer* issuer, Lifetime lifetime);

// A device's certificate that a CA signs (spec device-protocols 6.4): CN = id.
Result<Certificate> make_signed_device_certificate(std::string_view common_name, EVP_PKEY& key,
                                                   const Issuer& issuer, Lifetime lifetime);

// What the CA takes back, complete, as PEM; `number` rises with each list.
Result<std::string> make_revocation_list(std::span<const Certificate> revoked, const Issuer& issuer,
                                         std::uint64_t number, Lifetime lifetime);

// A device's own certificate (spec device-protocols 6.4): self-signed, CN = id.
Result<Certificate> make_device_certificate(std::string_view common_name, EVP_PKEY& key,
                                            Lifetime lifetime);

std::string to_pem(const X509& certificate);
std::string to_pem(EVP_PKEY& key);  // PKCS #8, not encrypted

// Every certificate in the text. Errors: format_invalid when there is none, or one is damaged.
Result<std::vector<Certificate>> parse_certificates(std::string_view pem);
// Errors: format_invalid, also for a key with a pass phrase.
Result<Key> parse_key(std::string_view pem);

bool matches(const X509& certificate, EVP_PKEY& key);
Instant expires_at(const X509& certificate);
Instant starts_at(const X509& certificate);
// Host names (lower case) and IP addresses (as text) of the subject alternative name, sorted.
std::vector<std::string> names_of(const X509& certificate);
std::string sha256_thumbprint(const X509& certificate);  // upper-case hex
std::string sha1_thumbprint(const X509& certificate);

}  // namespace twinhub::apps
