#include "gateway/device_credentials.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"
#include "x509/testing/certificates.h"

#include <gtest/gtest.h>

namespace twinhub::gateway {
namespace {

using hub::AuthenticationType;
using x509::testing::Certificate;
using x509::testing::made_at;
using namespace std::chrono_literals;

const std::string primary(32, 'p');
const std::string secondary(32, 's');
const std::string policy_key(32, 'o');
constexpr std::uint64_t far = 4'000'000'000;

std::uint64_t seconds_of(Instant at) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

std::string token(std::string_view resource, std::string_view key, std::uint64_t expiry = far,
                  std::string_view policy = {}) {
    return protocol::sas::make_token({resource, key, expiry, policy});
}

hub::Identity identity_of(const TwinId& id, AuthenticationType type = AuthenticationType::sas) {
    hub::Identity identity;
    identity.id = id;
    identity.authentication.type = type;
    if (type == AuthenticationType::sas) {
        identity.authentication.primary_key = base64_encode(primary);
        identity.authentication.secondary_key = base64_encode(secondary);
    }
    return identity;
}

struct DeviceCredentials : ::testing::Test {
    const TwinId d1{DeviceId::parse("d1").value(), {}};
    const TwinId m1{DeviceId::parse("d1").value(), ModuleId::parse("m1").value()};
    hub::Identity device = identity_of(d1);
    hub::Identity module = identity_of(m1);
    std::vector<std::string> hosts{"hub.local", "hub"};
    hub::Policies policies{
        {{"device", hub::default_rights("device"), base64_encode(policy_key), ""},
         {"service", hub::default_rights("service"), base64_encode(policy_key), ""},
         {"empty", hub::default_rights("device"), "", ""}}};
    Certificate root{{.common_names = {"root"}, .is_authority = true}};
    std::shared_ptr<const x509::TrustStore> trusted =
        x509::TrustStore::create({.authorities = {root.read()}, .intermediates = {}, .revoked = {}})
            .value();
    DeviceRules rules{.hosts = hosts, .policies = policies, .authorities = *trusted};

    Result<Admission> admitted(const hub::Identity& identity, const DeviceProof& proof,
                               Instant now = made_at) {
        return admit(proof, identity, device, rules, now);
    }
    bool admits(std::string_view text, Instant now = made_at) {
        return admitted(device, {.token = text}, now).has_value();
    }
    bool admits_module(std::string_view text) {
        return admitted(module, {.token = text}).has_value();
    }
    bool admits(const hub::Identity& identity, const Certificate& certificate,
                Instant now = made_at) {
        return admitted(identity, {.token = {}, .certificate = certificate.get()}, now).has_value();
    }
};

TEST_F(DeviceCredentials, EitherKeyOfTheDeviceWillDo) {
    EXPECT_TRUE(admits(token("hub.local/devices/d1", primary)));
    EXPECT_TRUE(admits(token("hub.local/devices/d1", secondary)));
    EXPECT_TRUE(admits(token("HUB/devices/d1", primary)));
    EXPECT_FALSE(admits(token("hub.local/devices/d1", std::string(32, 'x'))));
    EXPECT_FALSE(admits(token("hub.local/devices/d1", policy_key)));
    EXPECT_FALSE(admits(token("hub.local/devices/d1", "")));
}

TEST_F(DeviceCredentials, AKeyThatIsNotThereOpensNothing) {
    device.authentication.secondary_key.clear();
    EXPECT_FALSE(admits(token("hub.local/devices/d1", "")));
    device.authentication.primary_key = "not base64!";
    EXPECT_FALSE(admits(token("hub.local/devices/d1", "")));
    EXPECT_FALSE(admits(token("hub.local", "", far, "empty")));
}

TEST_F(DeviceCredentials, ATokenIsForItsOwnDeviceOnly) {
    for (const char* resource :
         {"hub.local/devices/d2", "hub.local/devices/d11", "hub.local", "hub.local/devices",
          "other/devices/d1", "hub.local/devices/d1/modules/m1", ""})
        EXPECT_FALSE(admits(token(resource, primary))) << resource;
}

TEST_F(DeviceCredentials, AModuleNeedsATokenOfItsOwn) {
    EXPECT_TRUE(admits_module(token("hub.local/devices/d1/modules/m1", primary)));
    EXPECT_FALSE(admits_module(token("hub.local/devices/d1", primary)));
    EXPECT_FALSE(admits_module(token("hub.local/devices/d1/modules/m2", primary)));
}

TEST_F(DeviceCredentials, AnExpiredTokenIsGoodForTheSkewOnly) {
    const std::string expiring = token("hub.local/devices/d1", primary, seconds_of(made_at));
    EXPECT_TRUE(admits(expiring, made_at + 300s));
    EXPECT_FALSE(admits(expiring, made_at + 301s));
    const auto admission = admitted(device, {.token = expiring});
    ASSERT_TRUE(admission.has_value());
    EXPECT_EQ(admission->expires, made_at);
}

TEST_F(DeviceCredentials, AnExpiryBeyondAllTimeIsNoOverflow) {
    EXPECT_TRUE(admits(token("hub.local/devices/d1", primary, ~std::uint64_t{0})));
}

TEST_F(DeviceCredentials, WhatIsNoTokenIsRefused) {
    for (const char* text : {"", "SharedAccessSignature", "SharedAccessSignature sr=a&sig=b",
                             "Basic YTpi", "\xff\xfe"})
        EXPECT_FALSE(admits(text)) << text;
}

TEST_F(DeviceCredentials, APolicyWithTheRightConnectsForAnyDevice) {
    EXPECT_TRUE(admits(token("hub.local", policy_key, far, "device")));
    EXPECT_TRUE(admits(token("hub.local/devices", policy_key, far, "device")));
    EXPECT_TRUE(admits(token("hub.local/devices/d1", policy_key, far, "device")));
    EXPECT_FALSE(admits(token("hub.local/devices/d2", policy_key, far, "device")));
    EXPECT_FALSE(admits(token("hub.local", policy_key, far, "service")));
    EXPECT_FALSE(admits(token("hub.local", policy_key, far, "unknown")));
    EXPECT_FALSE(admits(token("hub.local", primary, far, "device")));
}

TEST_F(DeviceCredentials, ADisabledDeviceAndItsModulesStayOutWhateverTheyShow) {
    device.status = hub::Status::disabled;
    EXPECT_FALSE(admits(token("hub.local/devices/d1", primary)));
    EXPECT_FALSE(admits(token("hub.local", policy_key, far, "device")));
    EXPECT_FALSE(admits_module(token("hub.local/devices/d1/modules/m1", primary)));
    device.authentication = {};
    device.authentication.type = AuthenticationType::certificate_authority;
    EXPECT_FALSE(admits(device, Certificate({.issuer = &root})));
}

TEST_F(DeviceCredentials, TheOperatorCanSwitchTokensOffForDevicesOrModules) {
    rules.device_sas = false;
    EXPECT_FALSE(admits(token("hub.local/devices/d1", primary)));
    EXPECT_TRUE(admits_module(token("hub.local/devices/d1/modules/m1", primary)));
    rules.device_sas = true;
    rules.module_sas = false;
    EXPECT_TRUE(admits(token("hub.local/devices/d1", primary)));
    EXPECT_FALSE(admits_module(token("hub.local/devices/d1/modules/m1", primary)));
}

TEST_F(DeviceCredentials, TheTypeOfTheIdentitySaysWhichProofCounts) {
    const Certificate certificate({.issuer = &root});
    const std::string good = token("hub.local/devices/d1", primary);
    EXPECT_FALSE(admits(device, certificate));  // a device with keys needs a token
    EXPECT_TRUE(admitted(device, {.token = good, .certificate = certificate.get()}).has_value());

    hub::Identity by_authority = identity_of(d1, AuthenticationType::certificate_authority);
    by_authority.authentication.primary_key = base64_encode(primary);
    EXPECT_FALSE(admitted(by_authority, {.token = good}).has_value());
    EXPECT_FALSE(admitted(by_authority, {.token = token("hub.local", policy_key, far, "device")})
                     .has_value());
    EXPECT_TRUE(admits(by_authority, certificate));
    EXPECT_FALSE(admits(identity_of(d1, AuthenticationType::none), certificate));
    EXPECT_FALSE(admitted(identity_of(d1, AuthenticationType::none), {.token = good}).has_value());
}

TEST_F(DeviceCredentials, ASelfSignedDeviceIsKnownByEitherThumbprint) {
    const Certificate certificate({.common_names = {"anything"}});
    hub::Identity identity = identity_of(d1, AuthenticationType::self_signed);
    EXPECT_FALSE(admits(identity, certificate));
    const std::string sha1 = certificate.read().sha1_thumbprint();
    const std::string sha256 = certificate.read().sha256_thumbprint();
    std::string spaced;
    for (std::size_t i = 0; i < sha1.size(); ++i) {
        if (i != 0 && i % 2 == 0) spaced += ':';
        spaced += static_cast<char>(std::tolower(sha1[i]));
    }
    for (const std::string& known : {sha1, sha256, spaced}) {
        identity.authentication.primary_thumbprint = known;
        identity.authentication.secondary_thumbprint.clear();
        EXPECT_TRUE(admits(identity, certificate)) << known;
        std::swap(identity.authentication.primary_thumbprint,
                  identity.authentication.secondary_thumbprint);
        EXPECT_TRUE(admits(identity, certificate)) << known;
    }
    identity.authentication.secondary_thumbprint = sha256.substr(0, 40);
    EXPECT_FALSE(admits(identity, certificate));
    EXPECT_FALSE(admitted(identity, {}).has_value());
}

TEST_F(DeviceCredentials, ASelfSignedCertificateExpiresToo) {
    const Certificate certificate({});
    hub::Identity identity = identity_of(d1, AuthenticationType::self_signed);
    identity.authentication.primary_thumbprint = certificate.read().sha256_thumbprint();
    EXPECT_TRUE(admits(identity, certificate));
    EXPECT_FALSE(admits(identity, certificate, made_at + 48h));
    EXPECT_FALSE(admits(identity, certificate, made_at - 48h));
}

TEST_F(DeviceCredentials, TheCommonNameOfACertificateIsTheWholeId) {
    const hub::Identity by_authority = identity_of(d1, AuthenticationType::certificate_authority);
    const hub::Identity module_by_authority =
        identity_of(m1, AuthenticationType::certificate_authority);
    for (const std::string& name : {std::string("D1"), std::string("d1/m1"), std::string("d1 "),
                                    std::string("d1\0", 3), std::string("root")})
        EXPECT_FALSE(admits(by_authority, Certificate({.common_names = {name}, .issuer = &root})))
            << name;
    EXPECT_FALSE(
        admits(by_authority, Certificate({.common_names = {"d1", "d1"}, .issuer = &root})));
    EXPECT_TRUE(
        admits(module_by_authority, Certificate({.common_names = {"d1/m1"}, .issuer = &root})));
    EXPECT_FALSE(
        admits(module_by_authority, Certificate({.common_names = {"d1"}, .issuer = &root})));
    const Certificate stranger({.common_names = {"root"}, .is_authority = true});
    EXPECT_FALSE(admits(by_authority, Certificate({.issuer = &stranger})));
    EXPECT_FALSE(admits(by_authority, Certificate({})));
}

TEST_F(DeviceCredentials, AConnectionEndsWithTheFirstCertificateOfItsChain) {
    const Certificate middle(
        {.common_names = {"middle"}, .issuer = &root, .is_authority = true, .until = made_at + 2h});
    const Certificate certificate({.issuer = &middle, .until = made_at + 5h});
    STACK_OF(X509)* chain = sk_X509_new_null();
    sk_X509_push(chain, middle.get());
    const auto admission = admitted(identity_of(d1, AuthenticationType::certificate_authority),
                                    {.token = {},
                                     .certificate = certificate.get(),
                                     .chain = reinterpret_cast<STACK_OF_X509*>(chain)});
    sk_X509_free(chain);
    ASSERT_TRUE(admission.has_value());
    EXPECT_EQ(admission->expires, made_at + 2h);
    EXPECT_EQ(admission->principal.kind, hub::Principal::Kind::identity);
    EXPECT_EQ(admission->principal.id, d1);
    ASSERT_EQ(admission->credential.kind, hub::Credential::Kind::certificate);
    EXPECT_EQ(admission->credential.certificate->chain.size(), 3u);

    hub::Identity identity = identity_of(d1, AuthenticationType::self_signed);
    identity.authentication.primary_thumbprint = certificate.read().sha256_thumbprint();
    EXPECT_EQ(admitted(identity, {.token = {}, .certificate = certificate.get()})->expires,
              made_at + 5h);
}

TEST_F(DeviceCredentials, AbsurdChainsAreRefusedBeforeAnySignature) {
    const Certificate certificate({.issuer = &root});
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (int i = 0; i < 100; ++i) sk_X509_push(chain, root.get());
    const auto admission = admitted(identity_of(d1, AuthenticationType::certificate_authority),
                                    {.token = {},
                                     .certificate = certificate.get(),
                                     .chain = reinterpret_cast<STACK_OF_X509*>(chain)});
    sk_X509_free(chain);
    ASSERT_FALSE(admission.has_value());
    EXPECT_EQ(admission.error().where, "too_long");
}

TEST_F(DeviceCredentials, WhatWasProvedHoldsAsLongAsItWouldBeBelievedAgain) {
    const auto holds = [&](const Admission& admission, const hub::Identity& identity) {
        return hub::still_holds(admission.credential, identity, *trusted, made_at);
    };
    const Admission by_key =
        admitted(device, {.token = token("hub.local/devices/d1", primary)}).value();
    hub::Identity changed = device;
    changed.authentication.secondary_key = base64_encode(std::string(32, 'n'));
    EXPECT_TRUE(holds(by_key, changed));
    std::swap(changed.authentication.primary_key, changed.authentication.secondary_key);
    EXPECT_TRUE(holds(by_key, changed));
    changed.authentication.secondary_key = changed.authentication.primary_key;
    EXPECT_FALSE(holds(by_key, changed));

    const Admission by_policy =
        admitted(device, {.token = token("hub.local", policy_key, far, "device")}).value();
    EXPECT_TRUE(holds(by_policy, changed));

    const Certificate certificate({.issuer = &root});
    const Certificate other({.issuer = &root});
    hub::Identity by_thumbprint = identity_of(d1, AuthenticationType::self_signed);
    by_thumbprint.authentication.primary_thumbprint = certificate.read().sha256_thumbprint();
    const Admission shown =
        admitted(by_thumbprint, {.token = {}, .certificate = certificate.get()}).value();
    EXPECT_FALSE(holds(shown, device));
    by_thumbprint.authentication.primary_thumbprint = other.read().sha1_thumbprint();
    by_thumbprint.authentication.secondary_thumbprint = certificate.read().sha1_thumbprint();
    EXPECT_TRUE(holds(shown, by_thumbprint));
    by_thumbprint.authentication.secondary_thumbprint.clear();
    EXPECT_FALSE(holds(shown, by_thumbprint));
    EXPECT_TRUE(holds(shown, identity_of(d1, AuthenticationType::certificate_authority)));
    const Certificate own({});
    by_thumbprint.authentication.secondary_thumbprint = own.read().sha1_thumbprint();
    const Admission self = admitted(by_thumbprint, {.token = {}, .certificate = own.get()}).value();
    EXPECT_FALSE(holds(self, identity_of(d1, AuthenticationType::certificate_authority)));
}

}  // namespace
}  // namespace twinhub::gateway
