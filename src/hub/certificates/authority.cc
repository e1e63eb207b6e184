#include "hub/certificates/authority.h"

#include "base/bytes.h"
#include "base/encoding.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

std::unexpected<Error> refused(std::string message, std::string where) {
    return failure(Code::argument_invalid, std::move(message), std::move(where));
}

void append_time(std::string& out, Instant at) {
    append_signed(out, at.time_since_epoch().count());
}
Instant read_time(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

}  // namespace

std::string Authority::etag() const { return base64_encode(std::to_string(etag_number)); }

Result<> check_authority_name(std::string_view name) {
    const auto is_good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    };
    if (name.empty() || name.size() > authority_name_characters_max ||
        !std::ranges::all_of(name, is_good))
        return refused("The name of a certificate is 1 to 64 letters, digits, '-', '.' and '_'",
                       "name");
    return {};
}

Result<> check_authority(const x509::Certificate& certificate, Instant now) {
    const std::string where = "properties.certificate";
    if (!certificate.is_authority())
        return refused("The certificate is not one of a CA: it may not sign others", where);
    if (auto strong = x509::check_key(certificate); !strong)
        return refused(std::move(strong).error().message, where);
    if (certificate.not_after() < now) return refused("The certificate has expired", where);
    return {};
}

Result<> check_possession(const Authority& authority, const x509::Certificate& proof, Instant now) {
    if (authority.verification_code.empty())
        return refused("No verification code waits for a proof: generate one first", {});
    if (authority.verification_expires < now)
        return refused("The verification code has expired: generate another", {});
    const std::string where = "certificate";
    if (!proof.has_issuer_named(authority.certificate))
        return refused("The verification certificate is not issued by '" + authority.name +
                           "', but by " + proof.issuer_name(),
                       where);
    if (!proof.is_signed_by(authority.certificate))
        return refused("The verification certificate is not signed by the key of '" +
                           authority.name + "', or over a digest that no longer counts",
                       where);
    if (!equals_constant_time(proof.common_name(), authority.verification_code))
        return refused("The common name of the verification certificate is not the code", where);
    if (proof.not_after() < now) return refused("The verification certificate has expired", where);
    return {};
}

void append_encoded(std::string& out, const Authority& authority) {
    append_text(out, authority.name);
    append_text(out, authority.certificate.der());
    append_varint(out, authority.etag_number);
    append_time(out, authority.created);
    append_time(out, authority.updated);
    out += static_cast<char>(authority.verified_by);
    append_time(out, authority.verified);
    append_text(out, authority.verified_author.principal);
    append_text(out, authority.verified_author.request_id);
    append_text(out, authority.verified_author.client);
    append_text(out, authority.verification_code);
    append_time(out, authority.verification_expires);
    append_text(out, authority.revoked ? authority.revoked.pem() : std::string());
}

Result<Authority> decode_authority(std::string_view bytes) {
    ByteReader reader(bytes);
    Authority authority;
    authority.name = reader.text();
    const std::string_view der = reader.text();
    authority.etag_number = reader.varint();
    authority.created = read_time(reader);
    authority.updated = read_time(reader);
    const std::uint8_t by = reader.byte();
    authority.verified_by = static_cast<VerifiedBy>(by);
    authority.verified = read_time(reader);
    authority.verified_author.principal = reader.text();
    authority.verified_author.request_id = reader.text();
    authority.verified_author.client = reader.text();
    authority.verification_code = reader.text();
    authority.verification_expires = read_time(reader);
    const std::string_view list = reader.text();
    auto certificate = x509::Certificate::parse_der(der);
    if (reader.failed() || !certificate || by > static_cast<std::uint8_t>(VerifiedBy::statement))
        return failure(Code::corrupted, "A stored certificate authority cannot be read",
                       "offset " + std::to_string(reader.offset()));
    authority.certificate = std::move(*certificate);
    if (!list.empty()) {
        auto revoked = x509::RevocationList::parse(list, authority.certificate);
        if (!revoked)
            return failure(Code::corrupted,
                           "A stored revocation list cannot be read: " + revoked.error().message);
        authority.revoked = std::move(*revoked);
    }
    return authority;
}

}  // namespace twinhub::hub
