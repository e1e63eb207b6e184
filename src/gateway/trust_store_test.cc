#include "gateway/trust_store.h"

#include "gateway/testing/certificates.h"

#include <gtest/gtest.h>

namespace twinhub::gateway {
namespace {

using testing::Certificate;
using testing::made_at;

std::shared_ptr<const TrustStore> trusting(const std::vector<const Certificate*>& authorities) {
    std::vector<std::string> pems;
    for (const Certificate* authority : authorities) pems.push_back(authority->pem());
    return TrustStore::create(pems).value();
}

bool verifies(const TrustStore& store, const Certificate& leaf,
              const std::vector<const Certificate*>& presented = {}, Instant now = made_at) {
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (const Certificate* one : presented) sk_X509_push(chain, one->get());
    const bool good = store.verifies(leaf.get(), reinterpret_cast<STACK_OF_X509*>(chain), now);
    sk_X509_free(chain);
    return good;
}

struct TrustStoreTest : ::testing::Test {
    Certificate root{{.common_names = {"root"}, .is_authority = true}};
    Certificate middle{{.common_names = {"middle"}, .issuer = &root, .is_authority = true}};
    Certificate stranger{{.common_names = {"root"}, .is_authority = true}};
};

TEST_F(TrustStoreTest, ALeafOfATrustedRootVerifies) {
    EXPECT_TRUE(verifies(*trusting({&root}), Certificate({.issuer = &root})));
}

TEST_F(TrustStoreTest, ARootOfTheSameNameIsNotThatRoot) {
    EXPECT_FALSE(verifies(*trusting({&root}), Certificate({.issuer = &stranger})));
    EXPECT_FALSE(verifies(*trusting({&root}), Certificate({.issuer = &stranger}), {&stranger}));
}

TEST_F(TrustStoreTest, NothingVerifiesWithoutAuthorities) {
    const Certificate own({});
    EXPECT_FALSE(verifies(*trusting({}), own));
    EXPECT_FALSE(verifies(*trusting({}), own, {&own}));
}

TEST_F(TrustStoreTest, AChainLeadsOverPresentedOrStoredIntermediates) {
    const Certificate leaf({.issuer = &middle});
    EXPECT_FALSE(verifies(*trusting({&root}), leaf));
    EXPECT_TRUE(verifies(*trusting({&root}), leaf, {&middle}));
    EXPECT_TRUE(verifies(*trusting({&root, &middle}), leaf));
}

TEST_F(TrustStoreTest, AnIntermediateCanBeTrustedWithoutItsRoot) {
    EXPECT_TRUE(verifies(*trusting({&middle}), Certificate({.issuer = &middle})));
    EXPECT_FALSE(verifies(*trusting({&middle}), Certificate({.issuer = &root})));
}

TEST_F(TrustStoreTest, ADeviceIsNoAuthority) {
    const Certificate device({.common_names = {"d1"}, .issuer = &root});
    EXPECT_FALSE(verifies(*trusting({&root}),
                          Certificate({.common_names = {"d2"}, .issuer = &device}), {&device}));
}

TEST_F(TrustStoreTest, EveryCertificateOfTheChainMustBeInItsTime) {
    const auto store = trusting({&root});
    const Certificate leaf({.issuer = &root});
    EXPECT_FALSE(verifies(*store, leaf, {}, made_at + std::chrono::days(2)));
    EXPECT_FALSE(verifies(*store, leaf, {}, made_at - std::chrono::days(2)));
    const Certificate old({.common_names = {"old"},
                           .issuer = &root,
                           .is_authority = true,
                           .from = made_at - std::chrono::days(9),
                           .until = made_at - std::chrono::hours(1)});
    EXPECT_FALSE(verifies(*store, Certificate({.issuer = &old}), {&old}));
}

TEST_F(TrustStoreTest, AServerCertificateIsNoClientCertificate) {
    const auto store = trusting({&root});
    EXPECT_FALSE(verifies(*store, Certificate({.issuer = &root, .purpose = "serverAuth"})));
    EXPECT_TRUE(verifies(*store, Certificate({.issuer = &root, .purpose = "clientAuth"})));
    EXPECT_TRUE(
        verifies(*store, Certificate({.issuer = &root, .purpose = "clientAuth,serverAuth"})));
}

TEST_F(TrustStoreTest, SignaturesOverBrokenDigestsCountForNothing) {
    EXPECT_FALSE(
        verifies(*trusting({&root}), Certificate({.issuer = &root, .digest = EVP_sha1()})));
}

TEST(TrustStore, WhatIsNoCertificateIsRefused) {
    for (const char* text :
         {"", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
        const auto store = TrustStore::create({text});
        ASSERT_FALSE(store.has_value()) << text;
        EXPECT_EQ(store.error().code, Code::argument_invalid);
    }
}

TEST(CertificateFacts, TheCommonNameIsTheOnlyOne) {
    EXPECT_EQ(common_name_of(Certificate({.common_names = {"d1/m1"}}).get()), "d1/m1");
    EXPECT_EQ(common_name_of(Certificate({.common_names = {"d\xc3\xa4"}}).get()), "d\xc3\xa4");
    EXPECT_EQ(common_name_of(Certificate({.common_names = {}}).get()), "");
    EXPECT_EQ(common_name_of(Certificate({.common_names = {"d1", "d2"}}).get()), "");
    EXPECT_EQ(common_name_of(Certificate({.common_names = {std::string("d1\0x", 4)}}).get()),
              std::string("d1\0x", 4));
}

TEST(CertificateFacts, ThumbprintsAreThoseOfTheWellKnownTools) {
    // openssl x509 -fingerprint says the same of this certificate.
    constexpr std::string_view pem = R"(-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUEVHpXXgq+LcA0K8/zQ6sU5MfYHAwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCZDEwHhcNMjYxMTIzMDExNTE3WhcNMzYxMTIwMDExNTE3WjAN
MQswCQYDVQQDDAJkMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAv/nGPWRWlV
nmAPW1rAcGc/MctEM56q9uJgbRo3Hy9FeTtLS2tgN8xBPMMJFCcsOm59FY0XWXgs
RD5D/GtyzuWjUzBRMB0GA1UdDgQWBBRo20Y7AXoLd76B6Uu8/fQIi3I5mTAfBgNV
HSMEGDAWgBRo20Y7AXoLd76B6Uu8/fQIi3I5mTAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQCHuvRmJbW9v49KgXJ99Molv4N3n0eVUmeoJ3YvtVBN
wgIgG9ndoKbTyrdd1bWl7YFD+tk1rYb5RlHi6Qsvawf+nSQ=
-----END CERTIFICATE-----
)";
    BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
    BIO_free(memory);
    ASSERT_NE(certificate, nullptr);
    EXPECT_EQ(sha1_thumbprint_of(certificate), "35b3fe33ce89f95e075c76ee361488b79413a623");
    EXPECT_EQ(sha256_thumbprint_of(certificate),
              "8b9ec3a9285e2bae799df8fcc1f5d9201894fbc62288223a9a7dc7c04da53b9d");
    X509_free(certificate);
}

TEST(CertificateFacts, ValidityHasBothEnds) {
    const Certificate certificate({.from = made_at, .until = made_at + std::chrono::hours(1)});
    EXPECT_FALSE(is_valid_at(certificate.get(), made_at - std::chrono::seconds(1)));
    EXPECT_TRUE(is_valid_at(certificate.get(), made_at + std::chrono::seconds(1)));
    EXPECT_TRUE(is_valid_at(certificate.get(), made_at + std::chrono::minutes(59)));
    EXPECT_FALSE(is_valid_at(certificate.get(), made_at + std::chrono::minutes(61)));
}

}  // namespace
}  // namespace twinhub::gateway
