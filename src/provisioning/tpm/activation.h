#pragma once

#include "base/random.h"
#include "base/result.h"
#include "provisioning/tpm/public_key.h"

#include <string>
#include <string_view>

namespace twinhub::provisioning::tpm {

// A TPM's two public keys, read.
struct Keys {
    PublicKey endorsement;
    PublicKey storage_root;
    friend bool operator==(const Keys&, const Keys&) = default;
};

inline constexpr std::size_t signing_key_bytes = 32;  // HMAC-SHA256
inline constexpr std::size_t purpose_bytes_max = 66;  // what a client's TPM2B_DATA holds

// Wraps `signing_key` (32 bytes) so that only the TPM that has both keys can take it in, where it
// signs and never shows. The TPM shows by using it that both keys are its own. What comes out is
// what clients take apart (named `authenticationKey` in the API of the provisioning service):
//
//   TPM2B_ID_OBJECT         a key made for once, for TPM2_ActivateCredential: bound to the
//   TPM2B_ENCRYPTED_SECRET  endorsement key and to the name of the storage root key
//   TPM2B_PRIVATE           the signing key, for TPM2_Import: encrypted with the key made for once,
//   TPM2B_ENCRYPTED_SECRET  and around that for the storage root key
//   TPM2B_PUBLIC            what the signing key is: HMAC with SHA-256, may sign, needs no password
//   TPM2B_DATA              `purpose`, encrypted with the key made for once
//
// Parts of the TPM 2.0 Library: 1, sections 23 and 24. `purpose`: up to 66 bytes of text that tells
// the device what the key is for. Errors: argument_invalid, a modulus that cannot be computed with.
Result<std::string> wrap_signing_key(const Keys& keys, std::string_view signing_key,
                                     std::string_view purpose, Random& random);

}  // namespace twinhub::provisioning::tpm
