#pragma once

#include "base/time.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>

// OpenSSL's values as ours; for the files of this room.
namespace twinhub::x509 {

// Bits of security of a signature: refuses MD5 and SHA-1. Whoever can make two certificates with
// one digest could be anybody.
inline constexpr int signature_strength_min = 80;

std::string upper_hex(std::string_view bytes);
std::string text_of(BIO* memory);                     // what was written into it
std::string name_text(const X509_NAME* name);         // "CN=d1, O=Contoso"
std::string serial_text(const ASN1_INTEGER* serial);  // upper-case hex
Instant instant_of(const ASN1_TIME* time);            // `never` when it is absent or no time

}  // namespace twinhub::x509
