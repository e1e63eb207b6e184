#pragma once

#include "base/random.h"

#include <cstdint>
#include <string>
#include <string_view>

// What a TPM 2.0 computes when it protects something (TPM 2.0 Library, part 1), with SHA-256 and
// AES-128 throughout. Pure; OpenSSL does the work.
namespace twinhub::provisioning::tpm {

// Numbers of part 2, section 6.3.
namespace algorithm {
inline constexpr std::uint16_t rsa = 0x0001, hmac = 0x0005, aes = 0x0006, keyed_hash = 0x0008;
inline constexpr std::uint16_t sha256 = 0x000b, null = 0x0010, cfb = 0x0043;
}  // namespace algorithm

// Of an object, part 2, section 8.3.
namespace attribute {
inline constexpr std::uint32_t fixed_tpm = 1U << 1, fixed_parent = 1U << 4;
inline constexpr std::uint32_t user_with_auth = 1U << 6, no_dictionary_attack = 1U << 10;
inline constexpr std::uint32_t restricted = 1U << 16, decrypt = 1U << 17, sign = 1U << 18;
}  // namespace attribute

inline constexpr std::uint16_t aes_bits = 128;
inline constexpr std::size_t aes_bytes = aes_bits / 8;
inline constexpr std::size_t hash_bytes = 32;

std::string random_bytes(Random& random, std::size_t count);
std::string sha256(std::string_view bytes);
// The name of an object with that public area (section 16).
std::string name_of(std::string_view public_area);

// A key of so many bits, up to 256, out of another one (section 11.4.10.2). `label` without its
// terminating zero.
std::string derive_key(std::string_view key, std::string_view label, std::string_view context,
                       std::uint16_t bits);

// AES-128 in CFB mode with an initial vector of zeros; `key` has 16 bytes.
std::string encrypt_cfb(std::string_view key, std::string_view plain);

// RSA-OAEP with SHA-256 under the modulus and exponent 65537 (appendix B.4). `label` without its
// terminating zero, which is added; `secret` up to 190 bytes. Nothing when the modulus is none that
// OpenSSL computes with.
std::string encrypt_oaep(std::string_view modulus, std::string_view label, std::string_view secret,
                         Random& random);

}  // namespace twinhub::provisioning::tpm
