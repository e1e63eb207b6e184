#include "gateway/http/certificate_json.h"

#include "base/json_members.h"
#include "gateway/http/reply.h"

namespace twinhub::gateway::http {
namespace {

// `,"name":"text"`, or without the comma when nothing stands before it.
void append_member(std::string& out, std::string_view name, std::string_view text) {
    if (!out.ends_with('{')) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, text);
}

void append_instant_member(std::string& out, std::string_view name, Instant at) {
    append_member(out, name, format_instant(at));
}

std::string_view name_of(hub::VerifiedBy by) {
    switch (by) {
        case hub::VerifiedBy::nobody: break;
        case hub::VerifiedBy::proof: return "proof";
        case hub::VerifiedBy::statement: return "statement";
    }
    return "nobody";
}

void append_list(std::string& out, const x509::RevocationList& list) {
    out += R"(,"revocationList":{"revoked":)";
    append_json_number(out, static_cast<std::uint64_t>(list.size()));
    if (const auto number = list.number()) append_member(out, "number", *number);
    append_instant_member(out, "issued", list.issued());
    if (list.next_update() != never) append_instant_member(out, "nextUpdate", list.next_update());
    out += '}';
}

// What Azure's API has no word for.
void append_own(std::string& out, const hub::Authority& authority) {
    out += R"(,"twinhub":{)";
    append_member(out, "sha256Thumbprint", authority.certificate.sha256_thumbprint());
    append_member(out, "issuer", authority.certificate.issuer_name());
    append_instant_member(out, "notBefore", authority.certificate.not_before());
    append_instant_member(out, "notAfter", authority.certificate.not_after());
    if (authority.is_verified()) {
        append_member(out, "verifiedBy", name_of(authority.verified_by));
        append_instant_member(out, "verifiedTime", authority.verified);
        append_member(out, "verifiedPolicy", authority.verified_author.principal);
    }
    if (authority.verification_expires != never)
        append_instant_member(out, "verificationCodeExpires", authority.verification_expires);
    if (authority.revoked) append_list(out, authority.revoked);
    out += '}';
}

}  // namespace

void append_authority(std::string& out, const hub::Authority& authority, ShowCode code) {
    out += '{';
    append_member(out, "id", "/twinhub/certificates/" + authority.name);
    append_member(out, "name", authority.name);
    append_member(out, "type", "Microsoft.Devices/IotHubs/Certificates");
    append_member(out, "etag", authority.etag());
    out += R"(,"properties":{)";
    append_member(out, "subject", authority.certificate.subject_name());
    append_member(out, "expiry", http_date(authority.certificate.not_after()));
    append_member(out, "thumbprint", authority.certificate.sha1_thumbprint());
    out += R"(,"isVerified":)";
    out += authority.is_verified() ? "true" : "false";
    append_member(out, "created", http_date(authority.created));
    append_member(out, "updated", http_date(authority.updated));
    append_member(out, "certificate", authority.certificate.pem());
    if (code == ShowCode::yes) append_member(out, "verificationCode", authority.verification_code);
    out += '}';
    append_own(out, authority);
    out += '}';
}

void append_authorities(std::string& out, std::span<const hub::AuthorityPtr> authorities,
                        std::span<const x509::Certificate> of_files) {
    out += R"({"value":[)";
    for (const hub::AuthorityPtr& authority : authorities) {
        if (&authority != &authorities.front()) out += ',';
        append_authority(out, *authority, ShowCode::no);
    }
    out += R"(],"twinhub":{"files":[)";
    for (const x509::Certificate& one : of_files) {
        if (&one != &of_files.front()) out += ',';
        out += '{';
        append_member(out, "subject", one.subject_name());
        append_member(out, "thumbprint", one.sha1_thumbprint());
        append_member(out, "sha256Thumbprint", one.sha256_thumbprint());
        append_instant_member(out, "notAfter", one.not_after());
        out += '}';
    }
    out += "]}}";
}

namespace {

// The path from the root of the body, for who sent it.
std::unexpected<Error> in_properties(Error error) {
    error.where = "properties." + error.where;
    return std::unexpected(std::move(error));
}

}  // namespace

Result<hub::AuthoritySpec> read_authority(const json::object& body, std::string_view name) {
    hub::AuthoritySpec spec;
    spec.name = name;
    TRY(const json::object* properties, object_member(body, "properties"));
    if (properties == nullptr)
        return failure(Code::argument_null, "The properties are missing", "properties");
    const auto certificate = text_member(*properties, "certificate");
    if (!certificate) return in_properties(certificate.error());
    if (!*certificate || (*certificate)->empty())
        return failure(Code::argument_null, "The certificate is missing", "properties.certificate");
    spec.certificate = **certificate;
    const auto verified = flag_member(*properties, "isVerified");
    if (!verified) return in_properties(verified.error());
    spec.verified = verified->value_or(false);
    return spec;
}

}  // namespace twinhub::gateway::http
