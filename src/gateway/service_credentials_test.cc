#include "gateway/service_credentials.h"

#include "base/encoding.h"

#include <gtest/gtest.h>

namespace twinhub::gateway {
namespace {

namespace sas = protocol::sas;

constexpr std::int64_t now_seconds = 1'800'000'000;
const Instant now{std::chrono::seconds(now_seconds)};
const std::vector<std::string> hosts{"hub.local", "alias.local"};
const std::string primary(32, 'p');
const std::string secondary(32, 's');

std::shared_ptr<const hub::Policies> policies_with(std::string primary_key,
                                                   std::string secondary_key) {
    return std::make_shared<const hub::Policies>(
        std::vector<hub::Policy>{{"service", hub::default_rights("service"), std::move(primary_key),
                                  std::move(secondary_key)},
                                 {"registryRead", hub::default_rights("registryRead"),
                                  base64_encode(std::string(32, 'r')), ""}});
}
const auto policies = policies_with(base64_encode(primary), base64_encode(secondary));

std::string signature(std::string_view resource, std::string_view expiry, std::string_view key) {
    return percent_encode(
        base64_encode(sas::hmac_sha256(key, std::string(resource) + "\n" + std::string(expiry))));
}

struct Claims {
    std::string resource = "hub.local";
    std::string expiry = std::to_string(now_seconds + 600);
    std::string policy = "&skn=service";
    std::string key = primary;
};

std::string token(const Claims& claims) {
    return "SharedAccessSignature sr=" + claims.resource +
           "&sig=" + signature(claims.resource, claims.expiry, claims.key) +
           "&se=" + claims.expiry + claims.policy;
}

bool accepts(std::string_view text, std::string_view path = "/twins/d1",
             const std::shared_ptr<const hub::Policies>& known = policies) {
    ServiceCredentials credentials;
    const auto principal = credentials.authenticate(text, path, hosts, known, now);
    if (!principal) {
        EXPECT_EQ(principal.error(), (Error{Code::unauthorized, "Unauthorized", ""}));
    }
    return principal.has_value();
}

TEST(ServiceCredentials, GiveThePolicyAndItsRights) {
    ServiceCredentials credentials;
    const auto principal = credentials.authenticate(token({}), "/twins/d1", hosts, policies, now);
    ASSERT_TRUE(principal);
    EXPECT_EQ((*principal)->kind, hub::Principal::Kind::policy);
    EXPECT_EQ((*principal)->name, "service");
    EXPECT_EQ((*principal)->rights, hub::default_rights("service"));
}

struct Variant {
    std::string name;
    Claims claims;
    bool accepted;
};
class ServiceToken : public testing::TestWithParam<Variant> {};
TEST_P(ServiceToken, IsJudgedAsSpecified) {
    EXPECT_EQ(accepts(token(GetParam().claims)), GetParam().accepted);
}
INSTANTIATE_TEST_SUITE_P(
    Variants, ServiceToken,
    testing::Values(
        Variant{"SecondaryKey", {.key = secondary}, true},
        Variant{"WrongKey", {.key = std::string(32, 'x')}, false},
        Variant{"EmptyKey", {.key = ""}, false},
        Variant{"PolicyInOtherCase", {.policy = "&skn=SERVICE"}, true},
        Variant{"UnknownPolicy", {.policy = "&skn=nobody"}, false},
        Variant{"AnotherPolicysKey", {.policy = "&skn=registryRead"}, false},
        Variant{"DeviceToken", {.policy = ""}, false},
        Variant{"Alias", {.resource = "alias.local"}, true},
        Variant{"HostInOtherCase", {.resource = "HUB.local"}, true},
        Variant{"WrongHost", {.resource = "other.local"}, false},
        Variant{"PathOfTheRequest", {.resource = "hub.local/twins/d1"}, true},
        Variant{"PathAbove", {.resource = "hub.local%2ftwins"}, true},
        Variant{"PathEncodedInUpperCase", {.resource = "hub.local%2Ftwins"}, true},
        Variant{"HalfASegment", {.resource = "hub.local/twins/d"}, false},
        Variant{"OtherPath", {.resource = "hub.local/devices"}, false},
        Variant{"LongerPath", {.resource = "hub.local/twins/d1/modules"}, false},
        Variant{"JustExpiredWithinSkew", {.expiry = std::to_string(now_seconds - 299)}, true},
        Variant{"Expired", {.expiry = std::to_string(now_seconds - 301)}, false},
        Variant{"MillisecondsAsNodeSends", {.expiry = "1800000000000"}, true},
        Variant{"NoNumber", {.expiry = "soon"}, false}),
    [](const auto& variant) { return variant.param.name; });

TEST(ServiceCredentials, TakeTheFieldsInAnyOrder) {
    const std::string expiry = std::to_string(now_seconds + 60);
    const std::string sig = signature("hub.local", expiry, primary);
    EXPECT_TRUE(
        accepts("SharedAccessSignature sr=hub.local&sig=" + sig + "&skn=service&se=" + expiry));
    EXPECT_TRUE(
        accepts("SharedAccessSignature skn=service&se=" + expiry + "&sr=hub.local&sig=" + sig));
}

TEST(ServiceCredentials, RefuseWhatIsNoToken) {
    for (const char* text : {"", "Bearer abc", "SharedAccessSignature",
                             "SharedAccessSignature sr=hub.local", "Basic cDpw"})
        EXPECT_FALSE(accepts(text)) << text;
}

TEST(ServiceCredentials, RefuseTheEmptyKeyOfAnUnsetSecondary) {
    EXPECT_FALSE(
        accepts(token({.key = ""}), "/twins/d1", policies_with(base64_encode(primary), "")));
    EXPECT_FALSE(accepts(token({.key = ""}), "/twins/d1", policies_with("", "")));
}

TEST(ServiceCredentials, ProveARememberedTokenAgainWhenItsTimeOrThePoliciesChange) {
    ServiceCredentials credentials;
    const std::string text = token({});
    ASSERT_TRUE(credentials.authenticate(text, "/twins/d1", hosts, policies, now));
    EXPECT_TRUE(credentials.authenticate(text, "/twins/d2", hosts, policies, now));
    EXPECT_FALSE(credentials.authenticate(text, "/twins/d1", hosts, policies,
                                          now + std::chrono::seconds(901)));
    EXPECT_TRUE(credentials.authenticate(text, "/twins/d1", hosts, policies, now));
    const auto renewed =
        policies_with(base64_encode(std::string(32, 'n')), base64_encode(std::string(32, 'm')));
    EXPECT_FALSE(credentials.authenticate(text, "/twins/d1", hosts, renewed, now));
}

TEST(ServiceCredentials, LookAtThePathOfEveryRequestThoughTheTokenIsRemembered) {
    ServiceCredentials credentials;
    const std::string text = token({.resource = "hub.local/twins/d1"});
    EXPECT_TRUE(credentials.authenticate(text, "/twins/d1", hosts, policies, now));
    EXPECT_FALSE(credentials.authenticate(text, "/twins/d2", hosts, policies, now));
    EXPECT_TRUE(credentials.authenticate(text, "/twins/d1/modules/m", hosts, policies, now));
}

TEST(ServiceCredentials, ForgetTheLastPrincipalAfterARefusal) {
    ServiceCredentials credentials;
    ASSERT_TRUE(credentials.authenticate(token({}), "/twins/d1", hosts, policies, now));
    EXPECT_FALSE(credentials.authenticate(token({.key = "x"}), "/twins/d1", hosts, policies, now));
    EXPECT_FALSE(credentials.authenticate("", "/twins/d1", hosts, policies, now));
}

}  // namespace
}  // namespace twinhub::gateway
