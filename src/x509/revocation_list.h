#pragma once

#include "base/result.h"
#include "base/time.h"
#include "x509/certificate.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::x509 {

// The certificates that an authority has taken back (a CRL, RFC 5280 section 5), checked against
// the authority that signed it. Immutable, and shared by its copies.
class RevocationList {
public:
    RevocationList() = default;  // none

    // PEM, base64 of the DER, or base64 of the PEM; complete lists of `issuer`'s own certificates
    // only. Errors: argument_invalid when it is damaged, another's, a delta, or beyond the limits.
    static Result<RevocationList> parse(std::string_view text, const Certificate& issuer);

    explicit operator bool() const { return content_ != nullptr; }
    // Whether it takes back `certificate`: its issuer signed it, and its serial is on the list. A
    // list that is past its next update still counts for what it says.
    bool revokes(const Certificate& certificate) const;

    const Certificate& issuer() const;
    std::string pem() const;
    std::optional<std::string> number() const;  // upper-case hex, rises with each list
    Instant issued() const;
    Instant next_update() const;  // `never` when it does not say
    std::size_t size() const;     // certificates taken back

private:
    struct Content;
    std::shared_ptr<const Content> content_;
};

// Whether `next` may take the place of `current`: not an older one. Lists without numbers go by
// their dates.
bool is_newer_or_same(const RevocationList& next, const RevocationList& current);

}  // namespace twinhub::x509
