#include "x509/certificate.h"

#include "base/encoding.h"
#include "x509/limits.h"
#include "x509/testing/certificates.h"

#include <gtest/gtest.h>
#include <openssl/param_build.h>
#include <rapidcheck/gtest.h>

namespace twinhub::x509 {
namespace {

using Made = testing::Certificate;
using testing::made_at;

// openssl x509 -fingerprint -subject -serial -dates say the same of it as the tests below.
constexpr std::string_view known_pem = R"(-----BEGIN CERTIFICATE-----
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

TEST(Certificate, SaysWhatTheWellKnownToolsSay) {
    const Certificate certificate = Certificate::parse(known_pem).value();
    EXPECT_EQ(certificate.sha1_thumbprint(), "35B3FE33CE89F95E075C76EE361488B79413A623");
    EXPECT_EQ(certificate.sha256_thumbprint(),
              "8B9EC3A9285E2BAE799DF8FCC1F5D9201894FBC62288223A9A7DC7C04DA53B9D");
    EXPECT_EQ(certificate.subject_name(), "CN=d1");
    EXPECT_EQ(certificate.issuer_name(), "CN=d1");
    EXPECT_EQ(certificate.serial_number(), "1151E95D782AF8B700D0AF3FCD0EAC53931F6070");
    EXPECT_EQ(format_instant(certificate.not_before()), "2026-11-23T01:15:17Z");
    EXPECT_EQ(format_instant(certificate.not_after()), "2036-11-20T01:15:17Z");
    EXPECT_EQ(certificate.version(), 3);
    EXPECT_TRUE(certificate.is_authority());
    EXPECT_TRUE(certificate.is_self_signed());
    const CertificateInfo info = certificate.info();
    EXPECT_EQ(info.sha1_thumbprint, certificate.sha1_thumbprint());
    EXPECT_EQ(info.not_after, certificate.not_after());
}

TEST(Certificate, IsReadInEveryFormThatToolsSend) {
    const Made made({});
    const Certificate certificate = made.read();
    const std::string base64 = base64_encode(certificate.der());
    std::string lines;
    for (std::size_t at = 0; at < base64.size(); at += 64) lines += base64.substr(at, 64) + "\r\n";
    for (const std::string& text : {made.pem(), "subject: d1\n" + made.pem() + "\nthe end", base64,
                                    lines, base64_encode(made.pem()), " " + base64 + "\n"}) {
        const auto read = Certificate::parse(text);
        ASSERT_TRUE(read.has_value()) << text << read.error().message;
        EXPECT_EQ(*read, certificate);
        EXPECT_EQ(read->pem(), made.pem());
    }
}

TEST(Certificate, WhatIsNoneIsRefused) {
    const Made made({});
    const std::string der = made.read().der();
    for (const std::string& text :
         {std::string(), std::string("nothing"), std::string("AAAA"),
          std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
          std::string("-----BEGIN CERTIFICATE-----\n"), made.pem().substr(0, 200), made.key_pem(),
          made.pem() + made.key_pem(), made.pem() + made.pem(),
          testing::revocation_list_pem(made, {}), base64_encode(der + "x"),
          base64_encode(der.substr(0, der.size() - 1)), std::string(text_bytes_max + 1, 'A')}) {
        const auto read = Certificate::parse(text);
        ASSERT_FALSE(read.has_value()) << text;
        EXPECT_EQ(read.error().code, Code::argument_invalid);
    }
}

TEST(Certificate, APrivateKeyInTheTextIsNamedAndNotShown) {
    const Made made({});
    const auto read = Certificate::parse(made.pem() + made.key_pem());
    ASSERT_FALSE(read.has_value());
    EXPECT_NE(read.error().message.find("private key"), std::string::npos);
    EXPECT_EQ(read.error().message.find(made.key_pem().substr(40, 20)), std::string::npos);
}

TEST(Certificate, SeveralAreReadInTheirOrderUpToALimit) {
    const Made one({}), two({}), three({});
    const std::string text = one.pem() + two.pem() + three.pem();
    const auto all = Certificate::parse_all(text, 3);
    ASSERT_TRUE(all.has_value());
    EXPECT_EQ(*all, (std::vector{one.read(), two.read(), three.read()}));
    EXPECT_FALSE(Certificate::parse_all(text, 2).has_value());
}

TEST(Certificate, BeyondTheLimitsItIsRefused) {
    std::vector<std::string> names(name_entries_max + 1, "d1");
    EXPECT_FALSE(Certificate::parse(Made({.common_names = names}).pem()).has_value());
    names.pop_back();
    EXPECT_TRUE(Certificate::parse(Made({.common_names = names}).pem()).has_value());

    std::vector<std::pair<int, std::string>> extensions(extensions_max + 1,
                                                        {NID_netscape_comment, "x"});
    EXPECT_FALSE(Certificate::parse(Made({.extensions = extensions}).pem()).has_value());
    extensions.pop_back();
    EXPECT_TRUE(Certificate::parse(Made({.extensions = extensions}).pem()).has_value());

    const Made large(
        {.extensions = {{NID_netscape_comment, std::string(certificate_bytes_max, 'x')}}});
    EXPECT_FALSE(Certificate::parse(large.pem()).has_value());
    EXPECT_FALSE(Certificate::share(large.get()).has_value());
}

RC_GTEST_PROP(Certificate, AnyChangeOfAByteIsRefusedOrShows, ()) {
    static const Certificate known = Certificate::parse(known_pem).value();
    std::string der = known.der();
    const auto at = *rc::gen::inRange<std::size_t>(0, der.size());
    const auto by = *rc::gen::inRange(1, 256);
    der[at] = static_cast<char>(der[at] ^ by);
    const auto read = Certificate::parse_der(der);
    if (!read) {
        RC_ASSERT(read.error().code == Code::argument_invalid);
        return;
    }
    RC_ASSERT(!(*read == known));
    RC_ASSERT(!read->is_signed_by(known));
    RC_ASSERT(read->sha256_thumbprint() != known.sha256_thumbprint());
    (void)read->info();
}

RC_GTEST_PROP(Certificate, AnyTextIsAnswered, (const std::string& text)) {
    const auto read = Certificate::parse_all(text, 3);
    RC_ASSERT((!read && read.error().code == Code::argument_invalid));
}

TEST(Certificate, TheCommonNameIsTheOnlyOne) {
    const auto name_of = [](std::vector<std::string> names) {
        return Made({.common_names = std::move(names)}).read().common_name();
    };
    EXPECT_EQ(name_of({"d1/m1"}), "d1/m1");
    EXPECT_EQ(name_of({"d\xc3\xa4"}), "d\xc3\xa4");
    EXPECT_EQ(name_of({}), "");
    EXPECT_EQ(name_of({"d1", "d2"}), "");
    EXPECT_EQ(name_of({std::string("d1\0x", 4)}), std::string("d1\0x", 4));
}

TEST(Certificate, NamesAreTextForPeople) {
    EXPECT_EQ(Made({.common_names = {"a, b"}}).read().subject_name(), "CN=a\\, b");
    EXPECT_EQ(Made({.common_names = {"d\xc3\xa4"}}).read().subject_name(), "CN=d\xc3\xa4");
    EXPECT_EQ(Made({.common_names = {}}).read().subject_name(), "");
    EXPECT_EQ(Made({.common_names = {"line\nbreak"}}).read().subject_name(), "CN=line\\0Abreak");
}

TEST(Certificate, ValidityHasBothEnds) {
    const Certificate certificate =
        Made({.from = made_at, .until = made_at + std::chrono::hours(1)}).read();
    EXPECT_FALSE(certificate.is_valid_at(made_at - std::chrono::seconds(1)));
    EXPECT_TRUE(certificate.is_valid_at(made_at));
    EXPECT_TRUE(certificate.is_valid_at(made_at + std::chrono::hours(1)));
    EXPECT_FALSE(certificate.is_valid_at(made_at + std::chrono::minutes(61)));
}

TEST(Certificate, ASignatureIsOfOneKey) {
    const Made root({.common_names = {"root"}, .is_authority = true});
    const Made other({.common_names = {"root"}, .is_authority = true});
    const Certificate leaf = Made({.issuer = &root}).read();
    EXPECT_TRUE(leaf.is_signed_by(root.read()));
    EXPECT_FALSE(leaf.is_signed_by(other.read()));
    EXPECT_TRUE(leaf.has_issuer_named(other.read()));
    EXPECT_FALSE(Made({.issuer = &root, .digest = EVP_sha1()}).read().is_signed_by(root.read()));
}

TEST(CertificateKey, MustBeStrongAndNotAbsurd) {
    EXPECT_TRUE(check_key(Made({}).read()).has_value());
    EXPECT_TRUE(check_key(Made({.rsa_bits = 2048}).read()).has_value());
    const auto weak = check_key(Made({.rsa_bits = 1024}).read());
    ASSERT_FALSE(weak.has_value());
    EXPECT_NE(weak.error().message.find("1024"), std::string::npos);
}

// A certificate for an RSA key with this modulus, whoever may have it.
Certificate with_rsa(int bits, unsigned long exponent) {
    BIGNUM* modulus = BN_new();
    BN_rand(modulus, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    BIGNUM* e = BN_new();
    BN_set_word(e, exponent);
    if (exponent == 0) BN_set_bit(e, 80);
    BN_set_bit(e, 0);
    OSSL_PARAM_BLD* parts = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(parts, "n", modulus);
    OSSL_PARAM_BLD_push_BN(parts, "e", e);
    OSSL_PARAM* list = OSSL_PARAM_BLD_to_param(parts);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
    EVP_PKEY* key = nullptr;
    EVP_PKEY_fromdata_init(context);
    CHECK(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, list) == 1);
    const Made issuer({});
    X509* made = X509_dup(issuer.get());
    X509_set_pubkey(made, key);
    CHECK(X509_sign(made, issuer.key(), EVP_sha256()) > 0);
    const Certificate certificate = Certificate::share(made).value();
    X509_free(made);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(list);
    OSSL_PARAM_BLD_free(parts);
    BN_free(e);
    BN_free(modulus);
    return certificate;
}

TEST(CertificateKey, AnRsaKeyHasBounds) {
    EXPECT_TRUE(check_key(with_rsa(rsa_bits_min, 65537)).has_value());
    EXPECT_TRUE(check_key(with_rsa(rsa_bits_max, 3)).has_value());
    EXPECT_FALSE(check_key(with_rsa(rsa_bits_min - 1, 65537)).has_value());
    EXPECT_FALSE(check_key(with_rsa(rsa_bits_max + 1, 65537)).has_value());
    EXPECT_FALSE(check_key(with_rsa(rsa_bits_min, 0)).has_value()) << "an exponent of 81 bits";
}

TEST(CertificateKey, ACurveThatIsWrittenOutIsRefused) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_TIME_set(X509_getm_notBefore(made), 0);
    ASN1_TIME_set(X509_getm_notAfter(made), 1);
    X509_set_pubkey(made, key);
    ASSERT_GT(X509_sign(made, key, EVP_sha256()), 0);
    const Certificate certificate = Certificate::share(made).value();
    const auto read = Certificate::parse_der(certificate.der());
    EXPECT_TRUE(!read || !check_key(*read));
    X509_free(made);
    EVP_PKEY_free(key);
}

}  // namespace
}  // namespace twinhub::x509
