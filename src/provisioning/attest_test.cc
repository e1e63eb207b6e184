#include "provisioning/attest.h"

#include "base/encoding.h"
#include "provisioning/testing/test_service.h"
#include "x509/testing/certificates.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning {
namespace {

using x509::testing::Certificate;
using x509::testing::made_at;

constexpr const char* scope = "0ne00000001";
// Spec device-protocols 10.
constexpr const char* k1 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr const char* group_key =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

AttestationRules rules(const Authorities* authorities = nullptr) {
    return {.scope = scope, .now = made_at, .authorities = authorities};
}

Caller with_token(std::string_view id, std::string token) {
    Caller caller;
    caller.scope = scope;
    caller.id = ProvisioningId::parse(id).value();
    caller.token = std::move(token);
    return caller;
}

std::shared_ptr<const Enrollment> enrolled(Attestation attestation,
                                           EnrollmentKind kind = EnrollmentKind::individual) {
    Enrollment enrollment;
    enrollment.kind = kind;
    enrollment.id = ProvisioningId::parse("reg-01").value();
    enrollment.attestation = std::move(attestation);
    return std::make_shared<const Enrollment>(std::move(enrollment));
}

std::string token(std::string_view resource, std::string_view signature,
                  std::string_view rest = "&se=1893456000&skn=registration") {
    return "SharedAccessSignature sr=" + std::string(resource) +
           "&sig=" + percent_encode(signature) + std::string(rest);
}

TEST(Attest, TakesTheTokensOfTheSpecification) {
    const auto own = enrolled(SymmetricKeys{k1, k1});
    for (const auto& [resource, signature] :
         {std::pair{"0ne00000001%2Fregistrations%2Freg-01",
                    "hXTfavqKyiHTXU/U62n/a59ZetAT0sP8SIxGAYMRmsA="},
          std::pair{"0ne00000001/registrations/reg-01",
                    "9oeJwMdnbhhTiIswJtJX5B5aZSIt5T5BA0hxMmNRtoA="}})
        EXPECT_EQ(attest(with_token("reg-01", token(resource, signature)), own, {}, rules()).doubt,
                  Doubt::none)
            << resource;
    // The derived key of a group (I).
    const Group group = make_group(*enrolled(SymmetricKeys{group_key, k1}, EnrollmentKind::group));
    const Attested attested =
        attest(with_token("reg-01", token("0ne00000001%2Fregistrations%2Freg-01",
                                          "9O/+17v1bycUx88PV5PgcBNXM2JWIV8WuIb2zSfkqKE=")),
               nullptr, std::span(&group, 1), rules());
    EXPECT_EQ(attested.doubt, Doubt::none);
    EXPECT_EQ(attested.authentication.primary_key, "fIlMhJyLZwPbmhVjvjkCV2HY1ySQIO+yiCMhxMzC/yA=");
}

TEST(Attest, SaysWhyItDoubts) {
    const auto own = enrolled(SymmetricKeys{k1, k1});
    const std::string good =
        token("0ne00000001/registrations/reg-01", "9oeJwMdnbhhTiIswJtJX5B5aZSIt5T5BA0hxMmNRtoA=");
    EXPECT_EQ(attest(with_token("reg-01", good), own, {}, rules()).doubt, Doubt::none);
    EXPECT_EQ(attest(with_token("reg-01", ""), own, {}, rules()).doubt, Doubt::no_proof);
    EXPECT_EQ(attest(with_token("reg-01", "nonsense"), own, {}, rules()).doubt, Doubt::token);
    EXPECT_EQ(attest(with_token("reg-02", good), own, {}, rules()).doubt, Doubt::resource);
    EXPECT_EQ(attest(with_token("reg-01", good), nullptr, {}, rules()).doubt, Doubt::registration);
    Caller elsewhere = with_token("reg-01", good);
    elsewhere.scope = "0ne00000002";
    EXPECT_EQ(attest(elsewhere, own, {}, rules()).doubt, Doubt::scope);
    AttestationRules later = rules();
    later.now = Instant{std::chrono::seconds{1893456000 + 301}};
    EXPECT_EQ(attest(with_token("reg-01", good), own, {}, later).doubt, Doubt::expired);
    EXPECT_EQ(attest(with_token("reg-01", good), enrolled(SymmetricKeys{group_key, group_key}), {},
                     rules())
                  .doubt,
              Doubt::key);
}

TEST(Attest, ReadsEverySpellingOfTheResource) {
    for (const char* resource :
         {"0ne1/registrations/R", "0ne1%2fregistrations%2fr", "0NE1%2Fregistrations%2FR",
          "0ne1/registrations/r/", "0ne1%252Fregistrations%252Fr"})
        EXPECT_TRUE(covers_registration(resource, "0ne1", "r")) << resource;
    for (const char* resource :
         {"", "0ne1", "0ne1/registrations", "0ne1/registrations/rr", "0ne2/registrations/r",
          "0ne1/registrations/r/more", "%", "0ne1/devices/r"})
        EXPECT_FALSE(covers_registration(resource, "0ne1", "r")) << resource;
}

Caller with_certificate(std::string_view id, const Certificate& leaf,
                        const std::vector<const Certificate*>& chain = {}) {
    Caller caller = with_token(id, "");
    caller.certificate = leaf.read();
    for (const Certificate* one : chain) caller.chain.push_back(one->read());
    return caller;
}

X509Proof proof_of(X509Proof::Role role, const Certificate& primary) {
    return {.role = role, .primary = primary.read().der(), .secondary = {}};
}

TEST(Attest, AnEnrolledCertificateProvesItsOwnRegistration) {
    const Certificate leaf({.common_names = {"Reg-01"}});
    const Certificate spare({.common_names = {"reg-01"}});
    X509Proof proof = proof_of(X509Proof::Role::client, leaf);
    proof.secondary = spare.read().der();
    const auto own = enrolled(proof);
    const Attested attested = attest(with_certificate("reg-01", spare), own, {}, rules());
    EXPECT_EQ(attested.doubt, Doubt::none);
    EXPECT_EQ(attested.authentication.type, hub::AuthenticationType::self_signed);
    EXPECT_EQ(attested.authentication.primary_thumbprint, leaf.read().sha256_thumbprint());
    EXPECT_EQ(attested.authentication.secondary_thumbprint, spare.read().sha256_thumbprint());
    EXPECT_EQ(attest(with_certificate("other", leaf), own, {}, rules()).doubt, Doubt::common_name);
    const Certificate twin({.common_names = {"reg-01"}});
    EXPECT_EQ(attest(with_certificate("reg-01", twin), own, {}, rules()).doubt, Doubt::certificate);
    EXPECT_EQ(attest(with_token("reg-01", "x"), own, {}, rules()).doubt, Doubt::no_proof);
    const Certificate old({.common_names = {"reg-01"}, .until = made_at - std::chrono::hours(1)});
    EXPECT_EQ(attest(with_certificate("reg-01", old),
                     enrolled(proof_of(X509Proof::Role::client, old)), {}, rules())
                  .doubt,
              Doubt::out_of_time);
}

TEST(Attest, ACertificateUnderThatOfAGroupProvesItsRegistration) {
    const Certificate root({.common_names = {"root"}, .is_authority = true});
    const Certificate between({.common_names = {"between"}, .issuer = &root, .is_authority = true});
    const Certificate leaf({.common_names = {"dev-1"}, .issuer = &between});
    const Certificate other({.common_names = {"other"}, .is_authority = true});
    const auto group_of = [](const Certificate& signer) {
        return make_group(
            *enrolled(proof_of(X509Proof::Role::signing, signer), EnrollmentKind::group));
    };
    const Caller caller = with_certificate("dev-1", leaf, {&between});
    for (const Certificate* signer : {&root, &between}) {
        const std::vector<Group> groups{group_of(other), group_of(*signer)};
        const Attested attested = attest(caller, nullptr, groups, rules());
        ASSERT_EQ(attested.doubt, Doubt::none);
        EXPECT_EQ(attested.enrollment, groups[1].enrollment);
        EXPECT_EQ(attested.authentication.type, hub::AuthenticationType::self_signed);
        EXPECT_EQ(attested.authentication.primary_thumbprint, leaf.read().sha256_thumbprint());
    }
    const std::vector<Group> stranger{group_of(other)};
    EXPECT_EQ(attest(caller, nullptr, stranger, rules()).doubt, Doubt::certificate);
    const std::vector<Group> by_root{group_of(root)};
    EXPECT_EQ(attest(with_certificate("dev-1", leaf), nullptr, by_root, rules()).doubt,
              Doubt::certificate);  // the certificate between is missing
    EXPECT_EQ(attest(with_certificate("dev-2", leaf, {&between}), nullptr, by_root, rules()).doubt,
              Doubt::common_name);
}

// What the hub itself believes is registered as such there: a renewed certificate just works.
TEST(Attest, AHubThatTrustsTheChainIsToldSo) {
    const Certificate root({.common_names = {"root"}, .is_authority = true});
    const Certificate leaf({.common_names = {"dev-1"}, .issuer = &root});
    Authorities authorities;
    authorities.trusted = [&] {
        return x509::TrustStore::create({.authorities = {root.read()}}).value();
    };
    authorities.named = [&](std::string_view name) {
        return name == "plant" ? std::optional(root.read()) : std::nullopt;
    };
    const Group group = make_group(
        *enrolled(X509Proof{X509Proof::Role::references, "plant", ""}, EnrollmentKind::group));
    const Attested attested =
        attest(with_certificate("dev-1", leaf), nullptr, std::span(&group, 1), rules(&authorities));
    EXPECT_EQ(attested.doubt, Doubt::none);
    EXPECT_EQ(attested.authentication.type, hub::AuthenticationType::certificate_authority);
    // In another case than the device's id, the hub would not know it by its name.
    const Attested renamed =
        attest(with_certificate("DEV-1", leaf), nullptr, std::span(&group, 1), rules(&authorities));
    EXPECT_EQ(renamed.authentication.type, hub::AuthenticationType::self_signed);
    const Group unknown = make_group(
        *enrolled(X509Proof{X509Proof::Role::references, "nobody", ""}, EnrollmentKind::group));
    EXPECT_EQ(attest(with_certificate("dev-1", leaf), nullptr, std::span(&unknown, 1),
                     rules(&authorities))
                  .doubt,
              Doubt::certificate);
}

}  // namespace
}  // namespace twinhub::provisioning
