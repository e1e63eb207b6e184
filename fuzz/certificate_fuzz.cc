// Certificates, chains and revocation lists as text and as DER: read, told, judged.
#include "base/encoding.h"
#include "base/json.h"
#include "base/result.h"
#include "x509/limits.h"
#include "x509/trust_store.h"

#include <cstddef>
#include <cstdint>

using namespace twinhub;

namespace {

constexpr std::string_view root_pem = R"(-----BEGIN CERTIFICATE-----
MIIBtDCCAVmgAwIBAgIUCO2tTfZaVJxme/q2HptRodt8NfUwCgYIKoZIzj0EAwIw
JjEQMA4GA1UECgwHQ29udG9zbzESMBAGA1UEAwwJZnV6eiByb290MCAXDTI2MTEy
MzEwMjIwM1oYDzIwODEwODI2MTAyMjAzWjAmMRAwDgYDVQQKDAdDb250b3NvMRIw
EAYDVQQDDAlmdXp6IHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQlgDA8
T4FBf4NQ/vU9aP/99AM+mQ6eZn0sm8GjzlOVhmCtDWPzDYPWIRKYDwMhf54fEzxW
sCbWVRniHOqK01lNo2MwYTAdBgNVHQ4EFgQUbOH1p+6Eppgvub4zO+ZYxArcR74w
HwYDVR0jBBgwFoAUbOH1p+6Eppgvub4zO+ZYxArcR74wDwYDVR0TAQH/BAUwAwEB
/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDSQAwRgIhAMOZE/MCjJ3nkkzL
tGcWVmOc1qa00NfFBcsAaBPS9mGJAiEA7J/p/xGZe9VzTDTm/kZpqHEze/m32zTO
CUjdDPyS7Pw=
-----END CERTIFICATE-----
)";

constexpr Instant now{std::chrono::sys_days{std::chrono::year{2030} / 1 / 1}};

void tell(const x509::Certificate& certificate) {
    const x509::CertificateInfo info = certificate.info();
    CHECK(info.sha1_thumbprint.size() == 40 && info.sha256_thumbprint.size() == 64);
    CHECK(is_valid_utf8(info.subject_name) && is_valid_utf8(info.issuer_name));
    std::string json;
    append_json_string(json, info.subject_name);
    CHECK(parse_json(json).has_value());
    (void)certificate.common_name();
    (void)certificate.is_authority();
    (void)certificate.is_self_signed();
    (void)x509::check_key(certificate);
    if (certificate.is_valid_at(now)) CHECK(info.not_before <= now && now <= info.not_after);
    const auto again = x509::Certificate::parse(certificate.pem());
    CHECK(again && *again == certificate && again->info() == info);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const x509::Certificate root = x509::Certificate::parse(root_pem).value();
    static const auto trusting =
        x509::TrustStore::create({.authorities = {root}, .intermediates = {}, .revoked = {}})
            .value();
    const std::string_view text(reinterpret_cast<const char*>(data), size);

    if (const auto list = x509::RevocationList::parse(text, root)) {
        CHECK(list->size() <= x509::revoked_max);
        CHECK(x509::RevocationList::parse(list->pem(), root).has_value());
        (void)list->revokes(root);
        CHECK(x509::is_newer_or_same(*list, *list));
    }
    if (const auto one = x509::Certificate::parse_der(text)) tell(*one);
    const auto all = x509::Certificate::parse_all(text, x509::presented_max + 2);
    if (!all) return 0;
    for (const x509::Certificate& one : *all) tell(one);
    const std::span<const x509::Certificate> rest = std::span(*all).subspan(1);
    const x509::Verdict verdict = trusting->judge(all->front(), rest, now);
    CHECK((verdict.fault == x509::Fault::none) == !verdict.chain.empty());
    if (verdict.fault == x509::Fault::none) {
        CHECK(verdict.chain.front() == all->front() && verdict.chain.back() == root);
        CHECK(trusting->still_covers(verdict.chain, rest));
    }
    // Whoever is its own authority is believed at most as far as its own rules go.
    const auto own = x509::TrustStore::create(
        {.authorities = {all->back()}, .intermediates = {}, .revoked = {}});
    if (own) (void)(*own)->judge(all->front(), rest, now);
    return 0;
}
