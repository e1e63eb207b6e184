// Devices that prove themselves with a certificate.
#include "gateway/amqp/testing/connection_script.h"
#include "x509/testing/certificates.h"

namespace twinhub::gateway::amqp {
namespace {

struct AmqpCertificates : AmqpConnectionTest {
    using Made = x509::testing::Certificate;
    Made made(const std::string& name, const Made* issuer = nullptr,
              std::chrono::hours ends = std::chrono::hours(24)) {
        const Instant now = hub.hub().clock().now();
        return Made({.common_names = {name},
                     .issuer = issuer,
                     .is_authority = issuer == nullptr,
                     .from = now - std::chrono::hours(1),
                     .until = now + ends});
    }
    static hub::IdentitySpec spec(std::string_view device, hub::AuthenticationType type,
                                  const std::string& primary, const std::string& secondary) {
        hub::IdentitySpec wanted;
        wanted.id = id_of(device);
        wanted.authentication.emplace();
        wanted.authentication->type = type;
        wanted.authentication->primary_thumbprint = primary;
        wanted.authentication->secondary_thumbprint = secondary;
        return wanted;
    }
    void make_with_thumbprints(std::string_view device, const std::string& primary,
                               const std::string& secondary = {}) {
        ASSERT_TRUE(
            wait(hub.hub().registry().create(
                     spec(device, hub::AuthenticationType::self_signed, primary, secondary), {}))
                .has_value());
    }
    void rotate(std::string_view device, const std::string& primary,
                const std::string& secondary = {}) {
        ASSERT_TRUE(wait(hub.hub().registry().update(
                             spec(device, hub::AuthenticationType::self_signed, primary, secondary),
                             twin::Match::any(), {}))
                        .has_value());
        settle();
    }
    void make_with_authority(std::string_view device) {
        ASSERT_TRUE(
            wait(hub.hub().registry().create(
                     spec(device, hub::AuthenticationType::certificate_authority, {}, {}), {}))
                .has_value());
    }
    void pass(std::chrono::seconds time) {
        hub.clock().advance(time);
        deadlines.advance(hub.clock().monotonic());
        settle();
    }
    // Trust changed: the shard asks again whose connections still hold.
    void trust(std::vector<x509::Certificate> authorities) {
        ASSERT_TRUE(hub.hub().certificates().set_files(std::move(authorities)).has_value());
        hub.run_ready();
        hub.hub().shards().at(0).tick();
        settle();
    }
};

TEST_F(AmqpCertificates, LinksNeedNoToken) {
    const Made own = made("own");
    make_with_thumbprints("c1", own.read().sha256_thumbprint());
    auto device = open(own.get());
    Twin twin = twin_of(*device, "c1");
    EXPECT_TRUE(twin.up->attached);
    EXPECT_TRUE(is_connected("c1"));
    EXPECT_EQ(wait(hub.hub().registry().get(id_of("c1")))->presence.certificate.thumbprint,
              own.read().sha256_thumbprint());
    const Made foreign = made("c1");
    auto stranger = open(foreign.get());
    EXPECT_EQ(twin_of(*stranger, "c1").up->error, "amqp:unauthorized-access");
}

TEST_F(AmqpCertificates, ThumbprintsAreRotatedWithoutLosingTheConnection) {
    const Made old = made("own");
    const Made next = made("own");
    const std::string before = old.read().sha256_thumbprint();
    const std::string after = next.read().sha1_thumbprint();
    make_with_thumbprints("c1", before);
    auto device = open(old.get());
    Twin twin = twin_of(*device, "c1");
    rotate("c1", before, after);
    rotate("c1", after, before);
    ASSERT_FALSE(device->peer->closed);
    device->client.send(*twin.up, get(Value::of_string("still")));
    until([&] { return twin.down->got.size() == 1; });
    rotate("c1", after);
    EXPECT_TRUE(device->peer->closed);
    EXPECT_FALSE(is_connected("c1"));
    auto again = open(old.get());
    EXPECT_EQ(twin_of(*again, "c1").up->error, "amqp:unauthorized-access");
    auto renewed = open(next.get());
    EXPECT_TRUE(twin_of(*renewed, "c1").up->attached);
}

TEST_F(AmqpCertificates, AConnectionGoesWithTheAuthorityThatItRestsOn) {
    const Made root = made("root");
    const Made other = made("other");
    const Made leaf = made("c1", &root);
    const Made stays = made("c2", &other);
    make_with_authority("c1");
    make_with_authority("c2");
    trust({root.read(), other.read()});
    auto first = open(leaf.get());
    auto second = open(stays.get());
    ASSERT_TRUE(twin_of(*first, "c1").up->attached);
    ASSERT_TRUE(twin_of(*second, "c2").up->attached);
    trust({other.read()});
    EXPECT_TRUE(first->peer->closed);
    EXPECT_FALSE(is_connected("c1"));
    EXPECT_FALSE(second->peer->closed);
    EXPECT_EQ(twin_of(*open(leaf.get()), "c1").up->error, "amqp:unauthorized-access");
}

TEST_F(AmqpCertificates, OnASharedConnectionOnlyTheLinksOfTheCertificateEnd) {
    const Made root = made("root");
    const Made leaf = made("c1", &root);
    make_with_authority("c1");
    trust({root.read()});
    auto device = open(leaf.get());
    Cbs cbs = cbs_of(*device);
    ASSERT_EQ(put_token(*device, cbs, "hub.local/devices/d1", token("d1")), 200);
    Twin certified = twin_of(*device, "c1", device->client.another_session());
    Twin keyed = twin_of(*device, "d1");
    ASSERT_TRUE(certified.up->attached && keyed.up->attached);
    trust({});
    EXPECT_EQ(certified.up->error, "amqp:unauthorized-access");
    EXPECT_TRUE(keyed.up->error.empty());
    EXPECT_FALSE(device->peer->closed);
}

TEST_F(AmqpCertificates, AClientThatMakesNoLinkIsWhoItsCertificateSays) {
    const Made root = made("root");
    const Made leaf = made("c1", &root);
    make_with_authority("c1");
    trust({root.read()});
    auto device = open(leaf.get());
    device->client.session();
    settle();
    EXPECT_FALSE(is_connected("c1"));
    pass(settings.certificate_waits + std::chrono::seconds{1});
    EXPECT_TRUE(is_connected("c1"));
    pass(settings.authorise_within);
    EXPECT_FALSE(device->peer->closed);
    EXPECT_TRUE(twin_of(*device, "c1").up->attached);
    trust({});
    EXPECT_TRUE(device->peer->closed);
}

TEST_F(AmqpCertificates, ACertificateOfNobodyIsSentAwayInTime) {
    const Made root = made("root");
    const Made leaf = made("c1", &root);  // of no authority here
    make_with_authority("c1");
    for (const Made* certificate : {&root, &leaf}) {
        auto device = open(certificate->get());
        device->client.session();
        settle();
        pass(settings.certificate_waits + std::chrono::seconds{1});
        EXPECT_FALSE(device->peer->closed);
        EXPECT_FALSE(is_connected("c1"));
        pass(settings.authorise_within);
        EXPECT_TRUE(device->peer->closed);
    }
}

TEST_F(AmqpCertificates, AConnectionEndsSoonAfterItsCertificate) {
    const Made own = made("own", nullptr, std::chrono::hours(1));
    make_with_thumbprints("c1", own.read().sha256_thumbprint());
    auto device = open(own.get());
    Twin twin = twin_of(*device, "c1");
    for (int minutes = 0; minutes < 60; ++minutes) {
        device->client.send(*twin.up, get(Value::of_string("alive")));
        settle();
        pass(std::chrono::seconds{60});
    }
    EXPECT_FALSE(device->peer->closed);
    pass(settings.sas_grace + std::chrono::seconds{1});
    EXPECT_TRUE(device->peer->closed);
}

}  // namespace
}  // namespace twinhub::gateway::amqp
