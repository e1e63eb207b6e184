#include "x509/trust_store.h"

#include "x509/limits.h"
#include "x509/testing/certificates.h"

#include <gtest/gtest.h>

#include <deque>

namespace twinhub::x509 {
namespace {

using Made = testing::Certificate;
using testing::made_at;

std::vector<Certificate> read(const std::vector<const Made*>& made) {
    std::vector<Certificate> certificates;
    for (const Made* one : made) certificates.push_back(one->read());
    return certificates;
}

std::shared_ptr<const TrustStore> trusting(const std::vector<const Made*>& authorities,
                                           std::vector<RevocationList> revoked = {},
                                           const std::vector<const Made*>& known = {}) {
    return TrustStore::create({.authorities = read(authorities),
                               .intermediates = read(known),
                               .revoked = std::move(revoked)})
        .value();
}

Fault judged(const TrustStore& store, const Made& leaf,
             const std::vector<const Made*>& presented = {}, Instant now = made_at) {
    return store.judge(leaf.read(), read(presented), now).fault;
}

bool verifies(const TrustStore& store, const Made& leaf,
              const std::vector<const Made*>& presented = {}, Instant now = made_at) {
    return judged(store, leaf, presented, now) == Fault::none;
}

struct TrustStoreTest : ::testing::Test {
    Made root{{.common_names = {"root"}, .is_authority = true}};
    Made middle{{.common_names = {"middle"}, .issuer = &root, .is_authority = true}};
    Made stranger{{.common_names = {"root"}, .is_authority = true}};
};

TEST_F(TrustStoreTest, ALeafOfATrustedRootVerifies) {
    EXPECT_TRUE(verifies(*trusting({&root}), Made({.issuer = &root})));
}

TEST_F(TrustStoreTest, ARootOfTheSameNameIsNotThatRoot) {
    EXPECT_FALSE(verifies(*trusting({&root}), Made({.issuer = &stranger})));
    EXPECT_FALSE(verifies(*trusting({&root}), Made({.issuer = &stranger}), {&stranger}));
}

TEST_F(TrustStoreTest, NothingVerifiesWithoutAuthorities) {
    const Made own({});
    EXPECT_FALSE(verifies(*trusting({}), own));
    EXPECT_FALSE(verifies(*trusting({}), own, {&own}));
}

TEST_F(TrustStoreTest, AChainLeadsOverPresentedOrStoredIntermediates) {
    const Made leaf({.issuer = &middle});
    EXPECT_FALSE(verifies(*trusting({&root}), leaf));
    EXPECT_TRUE(verifies(*trusting({&root}), leaf, {&middle}));
    EXPECT_TRUE(verifies(*trusting({&root, &middle}), leaf));
    EXPECT_TRUE(verifies(*trusting({&root}, {}, {&middle}), leaf));
    EXPECT_FALSE(verifies(*trusting({&stranger}, {}, {&middle}), leaf));
}

TEST_F(TrustStoreTest, AnIntermediateCanBeTrustedWithoutItsRoot) {
    EXPECT_TRUE(verifies(*trusting({&middle}), Made({.issuer = &middle})));
    EXPECT_FALSE(verifies(*trusting({&middle}), Made({.issuer = &root})));
}

TEST_F(TrustStoreTest, ADeviceIsNoAuthority) {
    const Made device({.common_names = {"d1"}, .issuer = &root});
    EXPECT_FALSE(
        verifies(*trusting({&root}), Made({.common_names = {"d2"}, .issuer = &device}), {&device}));
}

TEST_F(TrustStoreTest, EveryCertificateOfTheChainMustBeInItsTime) {
    const auto store = trusting({&root});
    const Made leaf({.issuer = &root});
    EXPECT_FALSE(verifies(*store, leaf, {}, made_at + std::chrono::days(2)));
    EXPECT_FALSE(verifies(*store, leaf, {}, made_at - std::chrono::days(2)));
    const Made old({.common_names = {"old"},
                    .issuer = &root,
                    .is_authority = true,
                    .from = made_at - std::chrono::days(9),
                    .until = made_at - std::chrono::hours(1)});
    EXPECT_FALSE(verifies(*store, Made({.issuer = &old}), {&old}));
}

TEST_F(TrustStoreTest, AServerCertificateIsNoClientCertificate) {
    const auto store = trusting({&root});
    EXPECT_FALSE(verifies(*store, Made({.issuer = &root, .purpose = "serverAuth"})));
    EXPECT_TRUE(verifies(*store, Made({.issuer = &root, .purpose = "clientAuth"})));
    EXPECT_TRUE(verifies(*store, Made({.issuer = &root, .purpose = "clientAuth,serverAuth"})));
}

TEST_F(TrustStoreTest, SignaturesOverBrokenDigestsCountForNothing) {
    EXPECT_FALSE(verifies(*trusting({&root}), Made({.issuer = &root, .digest = EVP_sha1()})));
}

TEST_F(TrustStoreTest, AVerdictNamesTheChain) {
    const Made leaf({.issuer = &middle});
    const Verdict verdict = trusting({&root})->judge(leaf.read(), read({&middle}), made_at);
    ASSERT_EQ(verdict.chain.size(), 3u);
    EXPECT_EQ(verdict.chain[0], leaf.read());
    EXPECT_EQ(verdict.chain[1], middle.read());
    EXPECT_EQ(verdict.chain[2], root.read());
}

TEST_F(TrustStoreTest, EachFaultHasItsName) {
    const auto store = trusting({&root});
    EXPECT_EQ(judged(*store, Made({.issuer = &stranger})), Fault::not_trusted);
    EXPECT_EQ(judged(*store, Made({.issuer = &root}), {}, made_at + std::chrono::days(2)),
              Fault::out_of_time);
    EXPECT_EQ(judged(*store, Made({.issuer = &root, .purpose = "serverAuth"})),
              Fault::wrong_purpose);
    EXPECT_EQ(judged(*store, Made({.issuer = &root, .digest = EVP_sha1()})), Fault::weak_key);
    EXPECT_EQ(judged(*store, Made({.issuer = &root, .rsa_bits = 1024})), Fault::weak_key);
    EXPECT_EQ(judged(*store, Made({.issuer = &root, .rsa_bits = 2048})), Fault::none);
}

TEST_F(TrustStoreTest, WhatIsRevokedIsNotBelieved) {
    const Made leaf({.issuer = &middle});
    const Made other({.common_names = {"d2"}, .issuer = &middle});
    const auto list = [](const Made& of, std::vector<const Made*> revoked) {
        return RevocationList::parse(
                   testing::revocation_list_pem(of, {.revoked = std::move(revoked)}), of.read())
            .value();
    };
    const auto by_middle = trusting({&root}, {list(middle, {&leaf})});
    EXPECT_EQ(judged(*by_middle, leaf, {&middle}), Fault::revoked);
    EXPECT_EQ(judged(*by_middle, other, {&middle}), Fault::none);
    const auto by_root = trusting({&root}, {list(root, {&middle})});
    EXPECT_EQ(judged(*by_root, leaf, {&middle}), Fault::revoked);
    // Trusting the intermediate itself does not undo that its root took it back.
    EXPECT_EQ(judged(*trusting({&root, &middle}, {list(root, {&middle})}), leaf), Fault::revoked);
    // A stranger's list of the same name says nothing about ours.
    EXPECT_EQ(judged(*trusting({&root}, {list(stranger, {&middle})}), leaf, {&middle}),
              Fault::none);
}

TEST_F(TrustStoreTest, AbsurdChainsAreRefused) {
    const auto store = trusting({&root});
    std::deque<Made> chain;
    const Made* above = &root;
    for (int i = 0; i < 20; ++i) {
        chain.emplace_back(Made::Wish{
            .common_names = {"level " + std::to_string(i)}, .issuer = above, .is_authority = true});
        above = &chain.back();
    }
    const auto under = [&](std::size_t levels) {
        std::vector<const Made*> presented;
        for (std::size_t i = 0; i < levels; ++i) presented.push_back(&chain[i]);
        return judged(*store, Made({.issuer = &chain[levels - 1]}), presented);
    };
    EXPECT_EQ(under(1), Fault::none);
    EXPECT_EQ(under(chain_depth_max), Fault::none);
    EXPECT_EQ(under(chain_depth_max + 1), Fault::too_long);
    EXPECT_EQ(under(presented_max), Fault::too_long);
    EXPECT_EQ(under(presented_max + 1), Fault::too_long);
    // Many that have nothing to do with it are no better.
    std::vector<const Made*> same(presented_max + 1, &middle);
    EXPECT_EQ(judged(*store, Made({.issuer = &root}), same), Fault::too_long);
}

TEST_F(TrustStoreTest, AnAuthoritysOwnLimitsHold) {
    const Made narrow({.common_names = {"narrow"},
                       .issuer = &root,
                       .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"}}});
    const Made below({.common_names = {"below"}, .issuer = &narrow, .is_authority = true});
    const auto store = trusting({&root});
    EXPECT_EQ(judged(*store, Made({.issuer = &narrow}), {&narrow}), Fault::none);
    EXPECT_EQ(judged(*store, Made({.issuer = &below}), {&below, &narrow}), Fault::wrong_purpose);
    const Made silent({.common_names = {"silent"},
                       .issuer = &root,
                       .is_authority = true,
                       .extensions = {{NID_key_usage, "critical,digitalSignature"}}});
    EXPECT_NE(judged(*store, Made({.issuer = &silent}), {&silent}), Fault::none);
}

TEST_F(TrustStoreTest, AStoreHasAnEnd) {
    const Trust many{.authorities = std::vector<Certificate>(authorities_max + 1, root.read()),
                     .intermediates = {},
                     .revoked = {}};
    const auto store = TrustStore::create(many);
    ASSERT_FALSE(store.has_value());
    EXPECT_EQ(store.error().code, Code::argument_invalid);
}

}  // namespace
}  // namespace twinhub::x509
