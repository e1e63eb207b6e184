#pragma once

#include "base/result.h"
#include "base/time.h"
#include "hub/author.h"
#include "x509/certificate.h"
#include "x509/revocation_list.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub::hub {

inline constexpr std::uint16_t authority_format = 1;
inline constexpr std::size_t authorities_max = 100;  // stored ones of a hub
inline constexpr std::size_t authority_name_characters_max = 64;
inline constexpr std::size_t verification_code_bytes = 24;  // 48 characters fit a common name
inline constexpr std::chrono::days verification_code_age{7};

// How the hub came to believe an authority. Stored: never renumber.
enum class VerifiedBy : std::uint8_t {
    nobody = 0,
    proof = 1,      // somebody showed that they hold its key
    statement = 2,  // somebody with the right to said so
};

// A certificate authority that signs certificates of devices, as it is stored. A value: changed by
// replacing it whole, in one commit. Devices are let in by it once it is verified.
struct Authority {
    std::string name;
    x509::Certificate certificate;
    std::uint64_t etag_number = 0;
    Instant created = never;
    Instant updated = never;
    VerifiedBy verified_by = VerifiedBy::nobody;
    Instant verified = never;
    Author verified_author;         // who showed it, or said so
    std::string verification_code;  // upper-case hex; empty = none waits to be proved
    Instant verification_expires = never;
    x509::RevocationList revoked;

    bool is_verified() const { return verified_by != VerifiedBy::nobody; }
    std::string etag() const;
};
using AuthorityPtr = std::shared_ptr<const Authority>;

// Letters, digits, `-`, `.` and `_`, 1 to 64 of them, as Azure has it. Errors: argument_invalid.
Result<> check_authority_name(std::string_view name);

// A certificate that may stand for an authority: it may sign others, its key is strong, and it has
// not ended. Errors: argument_invalid.
Result<> check_authority(const x509::Certificate& certificate, Instant now);

// Whether `proof` shows that whoever made it holds the key of `authority`: signed by that key, in
// that name, for the code that waits. Errors: argument_invalid, saying what is missing.
Result<> check_possession(const Authority& authority, const x509::Certificate& proof, Instant now);

void append_encoded(std::string& out, const Authority& authority);
Result<Authority> decode_authority(std::string_view bytes);

}  // namespace twinhub::hub
