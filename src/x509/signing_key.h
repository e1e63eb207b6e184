#pragma once

#include "base/result.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub::x509 {

// A public key that can tell whether a text was signed (Ed25519). Cheap to copy.
class VerifyingKey {
public:
    // Errors: format_invalid: not the PEM text of such a key.
    static Result<VerifyingKey> parse(std::string_view pem);

    std::string pem() const;
    // Names the key: 16 hex digits of its hash.
    std::string id() const;
    bool verifies(std::string_view text, std::string_view signature) const;

private:
    friend class SigningKey;
    explicit VerifyingKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
    std::shared_ptr<EVP_PKEY> key_;
};

// The private part: a secret, which is never shown but to the file that keeps it. Cheap to copy.
class SigningKey {
public:
    using Seed = std::array<std::byte, 32>;
    // The seed is the secret: from the system's generator.
    static Result<SigningKey> from_seed(const Seed& seed);
    // Errors: format_invalid, without a part of the text.
    static Result<SigningKey> parse(std::string_view pem);

    std::string secret_pem() const;
    VerifyingKey verifying() const { return VerifyingKey(key_); }
    std::string sign(std::string_view text) const;  // 64 bytes

private:
    explicit SigningKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
    std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace twinhub::x509
