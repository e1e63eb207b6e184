#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace twinhub::provisioning::tpm {

// What a key of a TPM is for: the endorsement key was born with the TPM and tells which one it is;
// the storage root key is the parent of what the TPM is given to keep.
enum class KeyRole : bool { endorsement, storage_root };

// The public part of a key that lives in a TPM, as far as a secret is wrapped for it.
struct PublicKey {
    std::string name;     // what the TPM knows it by: the hash's number, then the hash
    std::string modulus;  // 256 bytes, big endian; the exponent is 65537
    friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

// Reads a TPM2B_PUBLIC (TPM 2.0 Library, part 2, section 12.2.5). Only what every TPM 2.0 offers
// and Microsoft's clients make is taken: a restricted decryption key of RSA 2048 with SHA-256 and
// AES-128-CFB. A storage root key may not be one that leaves its TPM, or the secret would leave
// with it. Total: any bytes are answered. Errors: argument_invalid, which says what is not taken.
Result<PublicKey> parse_public(std::string_view bytes, KeyRole role);

}  // namespace twinhub::provisioning::tpm
