#include "provisioning/x509_view.h"

#include "base/encoding.h"
#include "base/json.h"
#include "x509/certificate.h"

namespace twinhub::provisioning {
namespace {

void append_text(std::string& out, std::string_view name, std::string_view text) {
    if (!out.ends_with('{')) out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, text);
}

void append_certificate(std::string& out, const std::string& der) {
    const auto certificate = x509::Certificate::parse_der(der);
    if (!certificate) {
        out += "null";
        return;
    }
    const x509::CertificateInfo info = certificate->info();
    out += R"({"info":{)";
    append_text(out, "subjectName", info.subject_name);
    append_text(out, "sha1Thumbprint", info.sha1_thumbprint);
    append_text(out, "sha256Thumbprint", info.sha256_thumbprint);
    append_text(out, "issuerName", info.issuer_name);
    append_text(out, "notBeforeUtc", format_instant(info.not_before));
    append_text(out, "notAfterUtc", format_instant(info.not_after));
    append_text(out, "serialNumber", info.serial_number);
    out += R"(,"version":)";
    append_json_number(out, std::int64_t{info.version});
    out += "}}";
}

// The certificate of `proof` that has this thumbprint; nothing when there is none.
std::string certificate_of(const X509Proof& proof, std::string_view thumbprint) {
    for (const std::string* der : {&proof.primary, &proof.secondary}) {
        const auto certificate = x509::Certificate::parse_der(*der);
        if (certificate && equals_ignoring_case(certificate->sha256_thumbprint(), thumbprint))
            return *der;
    }
    return {};
}

Result<> keep(const X509Proof& from, std::string_view thumbprint, std::string& into,
              const char* where) {
    if (thumbprint.empty()) return {};
    into = certificate_of(from, thumbprint);
    if (!into.empty()) return {};
    return failure(Code::argument_invalid,
                   "The enrollment has no certificate of this thumbprint: send the certificate",
                   where);
}

}  // namespace

void append_x509(std::string& out, const X509Proof& proof) {
    const bool references = proof.role == X509Proof::Role::references;
    out += references                              ? R"({"caReferences":{)"
           : proof.role == X509Proof::Role::client ? R"({"clientCertificates":{)"
                                                   : R"({"signingCertificates":{)";
    bool first = true;
    for (const auto& [name, value] :
         {std::pair{"primary", &proof.primary}, std::pair{"secondary", &proof.secondary}}) {
        if (!first) out += ',';
        first = false;
        append_json_string(out, name);
        out += ':';
        if (value->empty()) out += "null";
        else if (references) append_json_string(out, *value);
        else append_certificate(out, *value);
    }
    out += "}}";
}

Result<> keep_certificates(const Enrollment& current, const EnrollmentWish& wish,
                           Enrollment& next) {
    const auto* from = std::get_if<X509Proof>(&current.attestation);
    auto* into = std::get_if<X509Proof>(&next.attestation);
    if (from == nullptr || into == nullptr || from->role == X509Proof::Role::references)
        return failure(Code::argument_invalid, "The enrollment has no such certificate",
                       "attestation.x509");
    TRY_VOID(keep(*from, wish.kept_primary, into->primary, "attestation.x509.primary"));
    return keep(*from, wish.kept_secondary, into->secondary, "attestation.x509.secondary");
}

}  // namespace twinhub::provisioning
