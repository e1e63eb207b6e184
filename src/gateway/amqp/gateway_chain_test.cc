// Edge gateways that attach links for the identities below them.
#include "gateway/amqp/testing/connection_script.h"
#include "x509/testing/certificates.h"

namespace twinhub::gateway::amqp {
namespace {

const std::string gateway_key(32, 'g');

// top (edge) <- mid (edge) <- leaf and le@f, with a module m on the leaf; other is an edge device
// beside them. What is in the middle has no key that anybody here knows.
struct GatewayChain : AmqpConnectionTest {
    GatewayChain() {
        make_edge("top", {});
        make_edge("other", {});
        make_edge("mid", scope_of("top"));
        make_below("leaf", scope_of("mid"));
        make_below("le@f", scope_of("mid"));
    }

    static TwinId module_of(std::string_view device, std::string_view module) {
        return {DeviceId::parse(device).value(), ModuleId::parse(module).value()};
    }
    std::string scope_of(std::string_view device) {
        return wait(hub.hub().registry().get(id_of(device)))->identity->device_scope;
    }
    void make_edge(std::string_view device, const std::string& parent) {
        hub::IdentitySpec spec;
        spec.id = id_of(device);
        spec.iot_edge = true;
        if (!parent.empty()) spec.parent_scopes = {parent};
        ASSERT_TRUE(wait(hub.hub().registry().create(spec, {})).has_value());
        set_key(module_of(device, "$edgeHub"), gateway_key);
    }
    void make_below(std::string_view device, const std::string& parent) {
        hub::IdentitySpec spec;
        spec.id = id_of(device);
        spec.device_scope = parent;
        ASSERT_TRUE(wait(hub.hub().registry().create(spec, {})).has_value());
    }
    void set_key(const TwinId& id, const std::string& to) {
        hub::IdentitySpec spec;
        spec.id = id;
        spec.authentication.emplace();
        spec.authentication->type = hub::AuthenticationType::sas;
        spec.authentication->primary_key = spec.authentication->secondary_key = base64_encode(to);
        ASSERT_TRUE(wait(hub.hub().registry().update(spec, twin::Match::any(), {})).has_value());
    }
    void disable(std::string_view device) {
        const auto view = wait(hub.hub().registry().get(id_of(device)));
        hub::IdentitySpec spec;
        spec.id = id_of(device);
        spec.status = hub::Status::disabled;
        spec.iot_edge = view->identity->iot_edge;
        spec.device_scope = view->identity->device_scope;
        spec.parent_scopes = view->identity->parent_scopes;
        ASSERT_TRUE(wait(hub.hub().registry().update(spec, twin::Match::any(), {})).has_value());
    }

    static std::string token_of(std::string_view gateway, std::string_view with = gateway_key,
                                std::uint64_t expiry = far) {
        return protocol::sas::make_token(
            {"hub.local/devices/" + std::string(gateway) + "/modules/$edgeHub", with, expiry, {}});
    }
    // A gateway that has put its token for itself.
    struct Gateway {
        std::shared_ptr<Device> device;
        Cbs cbs;
    };
    Gateway gateway(std::string_view name) {
        Gateway made{open(), {}};
        made.cbs = cbs_of(*made.device);
        EXPECT_EQ(put_token(*made.device, made.cbs,
                            "hub.local/devices/" + std::string(name) + "/modules/$edgeHub",
                            token_of(name)),
                  200);
        return made;
    }
    Twin below(const Gateway& from, const std::string& address, std::string_view chain) {
        return twin_of(*from.device, address, from.device->client.another_session(),
                       {{"com.microsoft:auth-chain", Value::of_string(chain)}});
    }
    std::string refusal(const Gateway& from, const std::string& address, std::string_view chain) {
        return below(from, address, chain).up->error;
    }
};

TEST_F(GatewayChain, ATokenOfTheGatewayOpensLinksOfWhatIsBelowIt) {
    Gateway top = gateway("top");
    Twin leaf = below(top, "leaf", "leaf;mid;top");
    Twin mid = below(top, "mid", "mid;top");
    Twin escaped = below(top, "le%40f", "le@f;mid;top");
    ASSERT_TRUE(leaf.down->attached);
    EXPECT_TRUE(mid.down->attached);
    EXPECT_TRUE(escaped.down->attached);
    EXPECT_TRUE(is_connected("leaf"));
    EXPECT_TRUE(is_connected("le@f"));
    top.device->client.send(*leaf.up, report(Value::of_string("r"), R"({"below":1})"));
    until([&] { return !leaf.down->got.empty(); });
    EXPECT_EQ(status_of(leaf.down->got[0].message), 204);
}

TEST_F(GatewayChain, TheTokenMayBePutUnderTheNameOfTheChild) {
    // As the edge runtime does it, whose .NET client knows one identity only.
    auto device = open();
    Cbs cbs = cbs_of(*device);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/leaf", token_of("top")), 200);
    EXPECT_FALSE(is_connected("leaf"));
    Gateway from{device, cbs};
    EXPECT_EQ(refusal(from, "mid", ""), "amqp:unauthorized-access");
    EXPECT_TRUE(below(from, "leaf", "leaf;mid;top").up->attached);
    // Nothing else goes under a foreign name.
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/leaf", token("d1")), 401);
    EXPECT_EQ(put_token(*device, cbs, "elsewhere/devices/leaf", token_of("top")), 401);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/leaf", token_of("top", "wrong")), 401);
}

TEST_F(GatewayChain, ATokenForAChildDoesNotTakeTheGatewaysOwnPlace) {
    Gateway own = gateway("top");
    auto device = open();
    Cbs cbs = cbs_of(*device);
    EXPECT_EQ(put_token(*device, cbs, "hub.local/devices/leaf", token_of("top")), 200);
    settle();
    EXPECT_FALSE(own.device->peer->closed);
}

TEST_F(GatewayChain, NobodyElseIsReached) {
    Gateway top = gateway("top");
    Gateway other = gateway("other");
    struct Row {
        const char* address;
        const char* chain;
    };
    for (const Row& row :
         {Row{"d1", "d1;top"}, Row{"leaf", "leaf;top"}, Row{"leaf", "leaf"}, Row{"leaf", ""},
          Row{"leaf", "mid;top"}, Row{"leaf", "d1;mid;top"}, Row{"leaf", "leaf;nobody;top"},
          Row{"leaf", "leaf;;top"}, Row{"leaf", "leaf;a;b;c;d;e;f;g;h;i;mid;top"}})
        EXPECT_EQ(refusal(top, row.address, row.chain), "amqp:unauthorized-access") << row.chain;
    EXPECT_EQ(refusal(top, "nobody", "nobody;top"), "amqp:not-found");
    EXPECT_EQ(refusal(other, "leaf", "leaf;mid;top"), "amqp:unauthorized-access");
    EXPECT_EQ(refusal(other, "leaf", "leaf;mid;other"), "amqp:unauthorized-access");
    EXPECT_FALSE(top.device->peer->closed);
}

TEST_F(GatewayChain, NothingOnTheWayUpMayBeDisabled) {
    Gateway top = gateway("top");
    disable("mid");
    EXPECT_EQ(refusal(top, "leaf", "leaf;mid;top"), "amqp:unauthorized-access");
}

TEST_F(GatewayChain, AGatewayMayShowACertificate) {
    const Instant now = hub.hub().clock().now();
    const x509::testing::Certificate own({.common_names = {"whatever"},
                                          .from = now - std::chrono::hours(1),
                                          .until = now + std::chrono::hours(1)});
    hub::IdentitySpec spec;
    spec.id = module_of("top", "$edgeHub");
    spec.authentication.emplace();
    spec.authentication->type = hub::AuthenticationType::self_signed;
    spec.authentication->primary_thumbprint = own.read().sha256_thumbprint();
    ASSERT_TRUE(wait(hub.hub().registry().update(spec, twin::Match::any(), {})).has_value());
    const Gateway from{open(own.get()), {}};
    EXPECT_TRUE(below(from, "leaf", "leaf;mid;top").up->attached);
    EXPECT_EQ(refusal(from, "le@f", "le@f;mid;other"), "amqp:unauthorized-access");
    const Gateway stranger{open(), {}};
    EXPECT_EQ(refusal(stranger, "leaf", "leaf;mid;top"), "amqp:unauthorized-access");
}

TEST_F(GatewayChain, ADisabledChildLosesItsLinksAndTheGatewayKeepsItsToken) {
    Gateway top = gateway("top");
    Twin leaf = below(top, "leaf", "leaf;mid;top");
    Twin other = below(top, "le@f", "le@f;mid;top");
    disable("leaf");
    settle();
    EXPECT_EQ(leaf.up->error, "amqp:unauthorized-access");
    EXPECT_TRUE(other.up->error.empty());
    EXPECT_TRUE(below(top, "mid", "mid;top").up->attached);
    EXPECT_EQ(refusal(top, "leaf", "leaf;mid;top"), "amqp:unauthorized-access");
}

TEST_F(GatewayChain, TheLinksEndWithTheTokenOfTheGatewayUnlessItIsRenewed) {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(hub.clock().now().time_since_epoch())
            .count();
    const auto expiry = static_cast<std::uint64_t>(now + 10);
    for (const bool renews : {true, false}) {
        auto device = open();
        Cbs cbs = cbs_of(*device);
        ASSERT_EQ(put_token(*device, cbs, "hub.local/devices/leaf",
                            token_of("top", gateway_key, renews ? expiry : expiry + 400)),
                  200);
        Twin leaf = below({device, cbs}, "leaf", "leaf;mid;top");
        ASSERT_TRUE(leaf.up->attached);
        if (renews)
            ASSERT_EQ(put_token(*device, cbs, "hub.local/devices/leaf", token_of("top")), 200);
        hub.clock().advance(std::chrono::seconds{renews ? 312 : 400});
        deadlines.advance(hub.clock().monotonic());
        settle();
        EXPECT_EQ(device->peer->closed, !renews);
        EXPECT_EQ(is_connected("leaf"), renews);
    }
}

}  // namespace
}  // namespace twinhub::gateway::amqp
