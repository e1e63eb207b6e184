#include "hub/certificates/certificates.h"

#include "base/encoding.h"
#include "hub/testing/test_hub.h"
#include "x509/testing/certificates.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using Made = x509::testing::Certificate;
using testing::author_of;
using testing::match_of;
using testing::TestHub;
using testing::TestLink;
using namespace std::chrono_literals;

struct CertificatesTest : ::testing::Test {
    TestHub hub;
    Instant now = hub.clock().now();
    Made root{authority("root")};
    Made other{authority("other")};

    Made::Wish authority(const std::string& name) const {
        return {.common_names = {name},
                .is_authority = true,
                .from = now - 24h,
                .until = now + std::chrono::days(30)};
    }
    Made leaf(const std::string& name, const Made& issuer) const {
        return Made({.common_names = {name},
                     .issuer = &issuer,
                     .from = now - 24h,
                     .until = now + std::chrono::days(5)});
    }
    Certificates& certificates() { return hub.hub().certificates(); }
    Result<AuthorityPtr> put(const Made& made, bool verified = false, twin::Match match = {},
                             const std::string& name = "factory") {
        return hub.run(
            certificates().put({name, made.pem(), verified}, std::move(match), author_of("put")));
    }
    AuthorityPtr known(const std::string& name = "factory") {
        return certificates().get(name).value();
    }
    Result<AuthorityPtr> prove(const std::string& code, const Made& by) {
        return hub.run(certificates().verify("factory", leaf(code, by).pem(), twin::Match::any(),
                                             author_of("verify")));
    }
    bool believes(const Made& issuer) {
        return hub.hub().trust()->judge(leaf("d1", issuer).read(), {}, hub.clock().now()).fault ==
               x509::Fault::none;
    }
    Credential credential(const Made& certificate, std::vector<const Made*> presented = {}) {
        PresentedCertificate shown{certificate.read(), {}, {}};
        for (const Made* one : presented) shown.intermediates.push_back(one->read());
        shown.chain = hub.hub().trust()->judge(shown.leaf, shown.intermediates, now).chain;
        return {.kind = Credential::Kind::certificate,
                .key = {},
                .certificate = std::make_shared<const PresentedCertificate>(std::move(shown))};
    }
    TwinId device(const std::string& id) {
        IdentitySpec spec;
        spec.id = TwinId{DeviceId::parse(id).value(), {}};
        spec.authentication.emplace();
        spec.authentication->type = AuthenticationType::certificate_authority;
        hub.create(spec);
        return spec.id;
    }
};

TEST_F(CertificatesTest, AnAuthorityIsBelievedOnceItsKeyIsProved) {
    const auto made = put(root);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_FALSE((*made)->is_verified());
    EXPECT_FALSE(believes(root));

    const auto coded =
        hub.run(certificates().generate_code("factory", match_of((*made)->etag()), author_of()));
    ASSERT_TRUE(coded.has_value());
    const std::string code = (*coded)->verification_code;
    EXPECT_EQ(code.size(), 48u);
    EXPECT_NE((*coded)->etag(), (*made)->etag());
    EXPECT_FALSE(prove(code, other).has_value());
    EXPECT_FALSE(believes(root));

    const auto proved = prove(code, root);
    ASSERT_TRUE(proved.has_value()) << proved.error().message;
    EXPECT_EQ((*proved)->verified_by, VerifiedBy::proof);
    EXPECT_EQ((*proved)->verified_author.request_id, "verify");
    EXPECT_TRUE(believes(root));
    // A code is good once.
    EXPECT_FALSE(prove(code, root).has_value());
}

TEST_F(CertificatesTest, ANewCodeMakesTheOldOneVoid) {
    ASSERT_TRUE(put(root).has_value());
    const auto code = [&] {
        return hub.run(certificates().generate_code("factory", twin::Match::any(), author_of()))
            .value()
            ->verification_code;
    };
    const std::string first = code();
    const std::string second = code();
    EXPECT_NE(first, second);
    EXPECT_FALSE(prove(first, root).has_value());
    EXPECT_TRUE(prove(second, root).has_value());
}

TEST_F(CertificatesTest, WhoHasTheRightCanAnswerForAnAuthority) {
    const auto made = put(root, true);
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ((*made)->verified_by, VerifiedBy::statement);
    EXPECT_EQ((*made)->verified_author.principal, "iothubowner");
    EXPECT_TRUE(believes(root));
}

TEST_F(CertificatesTest, AnotherCertificateHasToBeProvedAgainButNotARenewedOne) {
    ASSERT_TRUE(put(root, true).has_value());
    EXPECT_EQ(put(other).error().code, Code::precondition_failed);
    EXPECT_EQ(put(other, false, match_of("bm9uZQ==")).error().code, Code::precondition_failed);
    ASSERT_TRUE(put(root, false, match_of(known()->etag())).has_value());
    EXPECT_TRUE(known()->is_verified());
    const Instant created = known()->created;
    ASSERT_TRUE(put(other, false, match_of(known()->etag())).has_value());
    EXPECT_FALSE(known()->is_verified());
    EXPECT_EQ(known()->created, created);
    EXPECT_FALSE(believes(root));
    EXPECT_FALSE(believes(other));
}

TEST_F(CertificatesTest, WhatIsNoAuthorityIsRefused) {
    EXPECT_EQ(put(leaf("d1", root)).error().code, Code::argument_invalid);
    EXPECT_EQ(put(root, false, {}, "a/b").error().code, Code::argument_invalid);
    EXPECT_EQ(put(root, false, match_of("bm9uZQ==")).error().code, Code::precondition_failed);
    EXPECT_EQ(certificates().get("factory").error().code, Code::not_found);
    EXPECT_EQ(
        hub.run(certificates().remove("factory", twin::Match::any(), author_of())).error().code,
        Code::not_found);
}

TEST_F(CertificatesTest, EverythingSurvivesARestart) {
    ASSERT_TRUE(put(root, true).has_value());
    ASSERT_TRUE(put(other, false, {}, "second").has_value());
    const std::string list = x509::testing::revocation_list_pem(root, {.revoked = {&other}});
    ASSERT_TRUE(hub.run(certificates().set_revocation_list("factory", list, twin::Match::any(),
                                                           author_of()))
                    .has_value());
    const std::string etag = known()->etag();
    ASSERT_TRUE(hub.crash().has_value());
    EXPECT_EQ(certificates().list().size(), 2u);
    EXPECT_EQ(known()->etag(), etag);
    EXPECT_TRUE(known()->is_verified());
    EXPECT_EQ(known()->revoked.size(), 1u);
    EXPECT_TRUE(believes(root));
    EXPECT_FALSE(believes(other));
    ASSERT_TRUE(hub.run(certificates().remove("factory", match_of(etag), author_of())).has_value());
    EXPECT_FALSE(believes(root));
    ASSERT_TRUE(hub.crash().has_value());
    EXPECT_EQ(certificates().list().size(), 1u);
}

TEST_F(CertificatesTest, NothingIsShownBeforeItIsDurable) {
    hub.hold();
    const auto answer =
        hub.begin(certificates().put({"factory", root.pem(), true}, {}, author_of()));
    hub.settle();
    EXPECT_FALSE(answer.there());
    EXPECT_TRUE(certificates().list().empty());
    EXPECT_FALSE(believes(root));
    hub.release();
    hub.settle();
    EXPECT_TRUE(answer.there());
    EXPECT_TRUE(believes(root));
}

TEST_F(CertificatesTest, ARefusedCommitLeavesNothingAndTheNextOneGoes) {
    ASSERT_TRUE(put(root, true).has_value());
    const std::string etag = known()->etag();
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_EQ(put(other, true, {}, "second").error().code, Code::unavailable);
    EXPECT_EQ(certificates().list().size(), 1u);
    EXPECT_FALSE(believes(other));
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_FALSE(
        hub.run(certificates().remove("factory", twin::Match::any(), author_of())).has_value());
    EXPECT_EQ(known()->etag(), etag);
    EXPECT_TRUE(believes(root));
    ASSERT_TRUE(put(other, true, {}, "second").has_value());
    EXPECT_TRUE(believes(other));
    ASSERT_TRUE(hub.crash().has_value());
    EXPECT_EQ(certificates().list().size(), 2u);
}

TEST_F(CertificatesTest, OfTwoWhoMeanTheSameEtagOneIsFirst) {
    const auto made = put(root);
    ASSERT_TRUE(made.has_value());
    const auto code = [&] {
        return hub.begin(
            certificates().generate_code("factory", match_of((*made)->etag()), author_of()));
    };
    const auto first = code();
    const auto second = code();
    hub.settle();
    EXPECT_NE(first.get().has_value(), second.get().has_value());
    EXPECT_EQ((first.get() ? second : first).get().error().code, Code::precondition_failed);
}

TEST_F(CertificatesTest, ThereIsALimit) {
    for (std::size_t i = 0; i < authorities_max; ++i)
        ASSERT_TRUE(put(root, false, {}, "ca" + std::to_string(i)).has_value());
    EXPECT_EQ(put(root, false, {}, "one-more").error().code, Code::operation_invalid);
}

TEST_F(CertificatesTest, TheOperatorsFilesAreBelievedBesides) {
    ASSERT_TRUE(certificates().set_files({other.read()}).has_value());
    EXPECT_TRUE(believes(other));
    ASSERT_TRUE(put(root, true).has_value());
    EXPECT_TRUE(believes(root));
    EXPECT_TRUE(believes(other));
    ASSERT_TRUE(certificates().set_files({}).has_value());
    EXPECT_TRUE(believes(root));
    EXPECT_FALSE(believes(other));
}

TEST_F(CertificatesTest, RemovingAnAuthorityEndsTheLinksThatRestedOnIt) {
    ASSERT_TRUE(put(root, true).has_value());
    ASSERT_TRUE(put(other, true, {}, "second").has_value());
    const Made first = leaf("d1", root);
    const Made second = leaf("d2", other);
    TestLink one, two;
    hub.connect(device("d1"), one, {.credential = credential(first)});
    hub.connect(device("d2"), two, {.credential = credential(second)});
    ASSERT_TRUE(
        hub.run(certificates().remove("factory", twin::Match::any(), author_of())).has_value());
    hub.tick();
    EXPECT_EQ(one.ended, std::vector{LinkEnd::credentials_changed});
    EXPECT_TRUE(two.ended.empty());
}

TEST_F(CertificatesTest, ARevokedDeviceIsCutOffAndTheOthersStay) {
    ASSERT_TRUE(put(root, true).has_value());
    const Made first = leaf("d1", root);
    const Made second = leaf("d2", root);
    TestLink one, two;
    hub.connect(device("d1"), one, {.credential = credential(first)});
    hub.connect(device("d2"), two, {.credential = credential(second)});
    const auto revoke = [&](std::vector<const Made*> revoked, long number) {
        return hub.run(certificates().set_revocation_list(
            "factory",
            x509::testing::revocation_list_pem(
                root, {.revoked = std::move(revoked), .number = number, .issued = now}),
            twin::Match::any(), author_of()));
    };
    ASSERT_TRUE(revoke({&first}, 2).has_value());
    hub.tick();
    EXPECT_EQ(one.ended, std::vector{LinkEnd::credentials_changed});
    EXPECT_TRUE(two.ended.empty());
    EXPECT_EQ(revoke({}, 1).error().code, Code::argument_invalid);
    ASSERT_TRUE(revoke({}, 3).has_value());
    ASSERT_TRUE(
        hub.run(certificates().clear_revocation_list("factory", twin::Match::any(), author_of()))
            .has_value());
    EXPECT_FALSE(known()->revoked);
}

TEST_F(CertificatesTest, ALinkStaysWhenAnotherChainHoldsIt) {
    const Made middle({.common_names = {"middle"},
                       .issuer = &root,
                       .is_authority = true,
                       .from = now - 24h,
                       .until = now + std::chrono::days(30)});
    ASSERT_TRUE(put(root, true).has_value());
    ASSERT_TRUE(put(middle, true, {}, "middle").has_value());
    const Made certificate = leaf("d1", middle);
    TestLink link;
    hub.connect(device("d1"), link, {.credential = credential(certificate, {&middle})});
    ASSERT_TRUE(
        hub.run(certificates().remove("middle", twin::Match::any(), author_of())).has_value());
    hub.tick();
    EXPECT_TRUE(link.ended.empty());
    ASSERT_TRUE(
        hub.run(certificates().remove("factory", twin::Match::any(), author_of())).has_value());
    hub.tick();
    EXPECT_EQ(link.ended, std::vector{LinkEnd::credentials_changed});
}

TEST_F(CertificatesTest, WhatADeviceShowedIsRemembered) {
    ASSERT_TRUE(put(root, true).has_value());
    const Made certificate = leaf("d1", root);
    TestLink link;
    const TwinId id = device("d1");
    hub.connect(id, link, {.credential = credential(certificate)});
    const auto seen = [&] { return hub.run(hub.registry().get(id)).value().presence.certificate; };
    EXPECT_EQ(seen().thumbprint, certificate.read().sha256_thumbprint());
    EXPECT_EQ(seen().not_after, certificate.read().not_after());
    hub.tick_for(20s);
    EXPECT_EQ(hub.metrics().certificates.expiring[0]->Value(), 1);
    EXPECT_EQ(hub.metrics().certificates.expiring[1]->Value(), 1);
    hub.shard(id).detach(id, link);
    hub.tick_for(20s);
    EXPECT_EQ(hub.metrics().certificates.expiring[0]->Value(), 0);
    ASSERT_TRUE(hub.crash().has_value());
    EXPECT_EQ(seen().not_after, certificate.read().not_after());
    TestLink again;
    hub.connect(id, again);
    EXPECT_EQ(seen(), CertificateSeen{});
}

TEST_F(CertificatesTest, MetricsSayWhenTheFirstOneEnds) {
    const auto& metrics = hub.metrics().certificates;
    EXPECT_EQ(metrics.authorities.Value(), 0);
    EXPECT_EQ(metrics.authority_ends.Value(), 0);
    ASSERT_TRUE(put(root, true).has_value());
    EXPECT_EQ(metrics.authorities.Value(), 1);
    EXPECT_EQ(metrics.authority_ends.Value(),
              std::chrono::duration<double>(root.read().not_after().time_since_epoch()).count());
}

TEST_F(CertificatesTest, RotatingThumbprintsAndKeysKeepsALinkThatUsesTheOther) {
    const Made first = leaf("d1", root);
    const Made second = leaf("d1", root);
    IdentitySpec spec;
    spec.id = TwinId{DeviceId::parse("d1").value(), {}};
    spec.authentication.emplace();
    spec.authentication->type = AuthenticationType::self_signed;
    spec.authentication->primary_thumbprint = first.read().sha256_thumbprint();
    hub.create(spec);
    TestLink link;
    hub.connect(spec.id, link, {.credential = credential(first)});
    const auto change = [&](const std::string& primary, const std::string& secondary) {
        spec.authentication->primary_thumbprint = primary;
        spec.authentication->secondary_thumbprint = secondary;
        ASSERT_TRUE(
            hub.run(hub.registry().update(spec, twin::Match::any(), author_of())).has_value());
    };
    change(first.read().sha256_thumbprint(), second.read().sha256_thumbprint());
    EXPECT_TRUE(link.ended.empty());
    change(second.read().sha256_thumbprint(), first.read().sha1_thumbprint());
    EXPECT_TRUE(link.ended.empty());
    change(second.read().sha256_thumbprint(), "");
    EXPECT_EQ(link.ended, std::vector{LinkEnd::credentials_changed});
}

TEST_F(CertificatesTest, AKeyThatALinkDidNotUseMayChange) {
    IdentitySpec spec;
    spec.id = TwinId{DeviceId::parse("d1").value(), {}};
    const IdentityView made = hub.create(spec);
    const auto key = base64_decode(made.identity->authentication.primary_key).value();
    TestLink link;
    hub.connect(spec.id, link,
                {.credential = {
                     .kind = Credential::Kind::own_key, .key = mark_of(key), .certificate = {}}});
    const auto renew = [&](KeyChoice which) {
        const auto result = hub.run(hub.registry().regenerate_keys({spec.id}, which, author_of()));
        EXPECT_TRUE(result.errors.empty());
    };
    renew(KeyChoice::secondary);
    EXPECT_TRUE(link.ended.empty());
    renew(KeyChoice::primary);
    EXPECT_EQ(link.ended, std::vector{LinkEnd::credentials_changed});
}

}  // namespace
}  // namespace twinhub::hub
