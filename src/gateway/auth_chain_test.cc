#include "gateway/auth_chain.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <gtest/gtest.h>

namespace twinhub::gateway {
namespace {

const std::string gateway_key(32, 'g');
const std::string other_key(32, 'o');
constexpr std::uint64_t far = 4'000'000'000;
const Instant now{std::chrono::seconds{1'700'000'000}};

TwinId id_of(std::string_view device, std::string_view module = {}) {
    TwinId id{DeviceId::parse(device).value(), {}};
    if (!module.empty()) id.module = ModuleId::parse(module).value();
    return id;
}

std::shared_ptr<hub::Identity> identity_of(const TwinId& id, std::string_view key = other_key) {
    auto identity = std::make_shared<hub::Identity>();
    identity->id = id;
    identity->authentication.primary_key = base64_encode(key);
    return identity;
}

std::shared_ptr<hub::Identity> edge(std::string_view device, const hub::Identity* parent) {
    auto identity = identity_of(id_of(device));
    identity->iot_edge = true;
    identity->device_scope = "ms-azure-iot-edge://" + std::string(device) + "-1";
    if (parent) identity->parent_scopes = {parent->device_scope};
    return identity;
}

// top (edge) <- mid (edge) <- leaf, with a module on the leaf.
struct AuthChains : ::testing::Test {
    std::vector<std::string> hosts{"hub.local"};
    hub::Policies policies;
    std::shared_ptr<const x509::TrustStore> trusted = x509::TrustStore::create({}).value();
    DeviceRules rules{.hosts = hosts, .policies = policies, .authorities = *trusted};
    std::shared_ptr<hub::Identity> top = edge("top", nullptr);
    std::shared_ptr<hub::Identity> mid = edge("mid", top.get());
    std::shared_ptr<hub::Identity> leaf = identity_of(id_of("leaf"));
    std::shared_ptr<hub::Identity> module = identity_of(id_of("leaf", "m"));
    std::shared_ptr<hub::Identity> top_hub = identity_of(id_of("top", "$edgeHub"), gateway_key);
    std::shared_ptr<hub::Identity> mid_hub = identity_of(id_of("mid", "$edgeHub"), other_key);
    std::string token =
        protocol::sas::make_token({"hub.local/devices/top/modules/$edgeHub", gateway_key, far, {}});

    AuthChains() { leaf->parent_scopes = {mid->device_scope}; }

    Result<Admission> admitted(const hub::Identity& identity, Superiors superiors) {
        return admit_on_behalf({.token = token}, identity, *leaf, superiors, rules, now);
    }
    std::string refusal(const hub::Identity& identity, Superiors superiors) {
        const auto admission = admitted(identity, std::move(superiors));
        return admission ? "admitted" : admission.error().message;
    }
};

TEST_F(AuthChains, AGatewaySpeaksForWhatIsBelowIt) {
    const auto direct = admitted(*mid, {{top}, top_hub});
    ASSERT_TRUE(direct) << direct.error().message;
    EXPECT_EQ(direct->principal.id, mid->id);
    const auto nested = admitted(*leaf, {{mid, top}, top_hub});
    ASSERT_TRUE(nested) << nested.error().message;
    EXPECT_EQ(nested->principal.id, leaf->id);
    EXPECT_EQ(nested->principal.kind, hub::Principal::Kind::identity);
    EXPECT_TRUE(admitted(*module, {{leaf, mid, top}, top_hub}));
}

TEST_F(AuthChains, EveryStepMustBeTheParentOfTheOneBefore) {
    EXPECT_EQ(refusal(*leaf, {{top}, top_hub}), "gateway chain that the registry does not know");
    EXPECT_EQ(refusal(*leaf, {{top, mid}, mid_hub}),
              "gateway chain that the registry does not know");
    EXPECT_EQ(refusal(*module, {{mid, top}, top_hub}),
              "gateway chain that the registry does not know");
    leaf->parent_scopes.clear();
    EXPECT_EQ(refusal(*leaf, {{mid, top}, top_hub}),
              "gateway chain that the registry does not know");
    mid->device_scope.clear();  // no longer an edge device: its scope is nobody's
    leaf->parent_scopes = {""};
    EXPECT_EQ(refusal(*leaf, {{mid, top}, top_hub}),
              "gateway chain that the registry does not know");
}

TEST_F(AuthChains, TheGatewayMustProveItself) {
    EXPECT_EQ(refusal(*leaf, {{mid}, mid_hub}), "token for another resource");
    token =
        protocol::sas::make_token({"hub.local/devices/top/modules/$edgeHub", other_key, far, {}});
    EXPECT_EQ(refusal(*leaf, {{mid, top}, top_hub}), "wrong key");
    token = protocol::sas::make_token({"hub.local/devices/top", gateway_key, far, {}});
    EXPECT_EQ(refusal(*leaf, {{mid, top}, top_hub}), "token for another resource");
    EXPECT_EQ(refusal(*leaf, {{mid, top}, mid_hub}), "gateway chain that ends at no gateway");
    EXPECT_EQ(refusal(*leaf, {{}, top_hub}), "no gateway");
    EXPECT_EQ(refusal(*leaf, {{mid, top}, nullptr}), "no gateway");
}

TEST_F(AuthChains, NothingOnTheWayMayBeDisabled) {
    mid->status = hub::Status::disabled;
    EXPECT_EQ(refusal(*leaf, {{mid, top}, top_hub}), "a device above it is disabled");
    mid->status = hub::Status::enabled;
    leaf->status = hub::Status::disabled;
    EXPECT_EQ(refusal(*leaf, {{mid, top}, top_hub}), "disabled");
}

TEST(AuthChain, IsReadFromTheIdentityUpToTheGateway) {
    const auto chain = parse_auth_chain("leaf/m;leaf;mid;top");
    ASSERT_TRUE(chain);
    EXPECT_EQ(*chain, (AuthChain{id_of("leaf", "m"), id_of("leaf"), id_of("mid"), id_of("top")}));
    EXPECT_EQ(gateway_of(*chain), id_of("top", "$edgeHub"));
    EXPECT_TRUE(parse_auth_chain("leaf;top;"));
}

TEST(AuthChain, IsRefusedWhenItIsNoWayUp) {
    for (const char* text :
         {"", "leaf", "leaf;", "leaf;;top", "leaf;to p", "leaf;a;b;c;d;e;f;g;h;i;j"})
        EXPECT_FALSE(parse_auth_chain(text)) << text;
}

}  // namespace
}  // namespace twinhub::gateway
