#include "apps/keys/data_folder.h"

#include "apps/keys/certificate.h"
#include "apps/keys/pid_file.h"
#include "apps/keys/secret_file.h"
#include "apps/test_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace twinhub::apps {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr Instant now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};

class DataFolder : public testing::Test {
protected:
    DataFolder() {
        config_.data_folder = (folder_.path() / "data").string();
        config_.hub_name = "Twins.Example.com";
        config_.hub_aliases = {"alias.example.com", "10.1.2.3"};
        config_.tls_key_type = KeyType::ecdsa;  // RSA keys take long to find
    }

    Prepared prepare(Instant at = now) {
        auto prepared = prepare_data_folder(config_, random_, at);
        EXPECT_TRUE(prepared) << prepared.error().message;
        return prepared.value_or(Prepared{});
    }
    std::string text(const char* file) { return read_file(config_.data() / file).value_or(""); }
    Certificate certificate(const char* file) {
        return std::move(parse_certificates(text(file)).value().front());
    }
    mode_t mode_of(const char* file) {
        struct stat facts{};
        return ::stat((config_.data() / file).c_str(), &facts) == 0 ? facts.st_mode & 0777 : 0;
    }

    TemporaryFolder folder_;
    Config config_;
    SystemRandom random_;
};

// What a client's TLS library does: builds the chain from its trusted CA and compares the host.
int verify(const char* host, const char* address, X509& leaf, X509& trusted, Instant at) {
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                        X509_STORE_free);
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
        X509_STORE_CTX_new(), X509_STORE_CTX_free);
    X509_STORE_add_cert(store.get(), &trusted);
    X509_STORE_CTX_init(context.get(), store.get(), &leaf, nullptr);
    X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(
        wanted, std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
    if (host) X509_VERIFY_PARAM_set1_host(wanted, host, 0);
    if (address) X509_VERIFY_PARAM_set1_ip_asc(wanted, address);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
}

TEST_F(DataFolder, FirstStartMakesEverythingForItsOwnerOnly) {
    config_.tls_key_type = KeyType::both;
    EXPECT_TRUE(prepare().first_start);
    EXPECT_EQ(mode_of(""), 0700u);
    for (const char* file : {"policies.yaml", "ca.key", "server.key", "server-rsa.key"})
        EXPECT_EQ(mode_of(file), 0600u) << file;
    for (const char* file : {"ca.pem", "server.pem", "server-rsa.pem"})
        EXPECT_EQ(mode_of(file), 0644u) << file;
    EXPECT_THAT(text("server.pem"), Not(HasSubstr("PRIVATE")));
}

TEST_F(DataFolder, TheSecondStartChangesNothing) {
    prepare();
    const std::string before = text("ca.pem") + text("server.pem") + text("policies.yaml");
    const Prepared again = prepare(now + std::chrono::days{100});
    EXPECT_FALSE(again.first_start);
    EXPECT_THAT(again.made, IsEmpty());
    EXPECT_THAT(again.warnings, IsEmpty());
    EXPECT_EQ(text("ca.pem") + text("server.pem") + text("policies.yaml"), before);
}

TEST_F(DataFolder, BothCertificatesAreTrustedForEveryNameAndForNoOther) {
    config_.tls_key_type = KeyType::both;
    prepare();
    const Certificate ca = certificate("ca.pem");
    for (const char* file : {"server.pem", "server-rsa.pem"}) {
        const Certificate leaf = certificate(file);
        for (const char* host : {"localhost", "twins.example.com", "alias.example.com"})
            EXPECT_EQ(verify(host, nullptr, *leaf, *ca, now), X509_V_OK) << file << ' ' << host;
        for (const char* address : {"127.0.0.1", "::1", "10.1.2.3"})
            EXPECT_EQ(verify(nullptr, address, *leaf, *ca, now), X509_V_OK)
                << file << ' ' << address;
        EXPECT_EQ(verify("example.com", nullptr, *leaf, *ca, now), X509_V_ERR_HOSTNAME_MISMATCH)
            << file;
        EXPECT_EQ(verify("localhost", nullptr, *leaf, *ca, now + std::chrono::days{400}),
                  X509_V_ERR_CERT_HAS_EXPIRED);
        EXPECT_THAT(parse_certificates(text(file)).value(), SizeIs(2));
    }
    EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(certificate("server.pem").get())), EVP_PKEY_EC);
    EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(certificate("server-rsa.pem").get())),
              EVP_PKEY_RSA);
}

TEST_F(DataFolder, TheServerCertificateIsRenewedBeforeItEndsByTheSameCa) {
    prepare();
    const std::string ca = text("ca.pem"), before = text("server.pem");
    const Instant later = now + std::chrono::days{380};
    EXPECT_THAT(prepare(later).made, SizeIs(1));
    EXPECT_EQ(text("ca.pem"), ca);
    EXPECT_NE(text("server.pem"), before);
    EXPECT_EQ(
        verify("localhost", nullptr, *certificate("server.pem"), *certificate("ca.pem"), later),
        X509_V_OK);
}

TEST_F(DataFolder, TheServerCertificateIsRenewedWhenTheNamesChange) {
    prepare();
    config_.hub_aliases = {"other.example.com"};
    EXPECT_THAT(prepare().made, SizeIs(1));
    EXPECT_EQ(names_of(*certificate("server.pem")),
              (std::vector<std::string>{"127.0.0.1", "::1", "localhost", "other.example.com",
                                        "twins.example.com"}));
}

TEST_F(DataFolder, AnEndingCaIsToldAndNeverReplaced) {
    prepare();
    const std::string ca = text("ca.pem");
    EXPECT_THAT(prepare(now + std::chrono::days{3600}).warnings,
                ElementsAre(HasSubstr("the CA certificate")));
    EXPECT_EQ(text("ca.pem"), ca);
}

TEST_F(DataFolder, AKeyThatWasLostIsMadeAnewWithItsCertificate) {
    prepare();
    std::filesystem::remove(config_.data() / "server.key");
    EXPECT_THAT(prepare().made, ElementsAre((config_.data() / "server.pem").string()));
    EXPECT_TRUE(load_key_material(config_, now));
}

TEST_F(DataFolder, TheMaterialIsWhatTheServerNeeds) {
    config_.tls_key_type = KeyType::both;
    prepare();
    config_.device_cas = {(config_.data() / "ca.pem").string()};
    const auto material = load_key_material(config_, now);
    ASSERT_TRUE(material) << material.error().message;
    EXPECT_THAT(material->certificates, SizeIs(2));
    EXPECT_THAT(material->device_cas, SizeIs(1));
    EXPECT_THAT(material->policies, SizeIs(6));
    EXPECT_THAT(material->warnings, IsEmpty());
}

TEST_F(DataFolder, EveryMistakeInTheFilesIsNamedAtOnceAndNoKeyIsTold) {
    prepare();
    const std::string other_key = to_pem(*make_key(KeyAlgorithm::ecdsa_p256).value());
    ASSERT_TRUE(write_file(config_.data() / "server.key", other_key, Access::owner));
    std::filesystem::permissions(config_.data() / "policies.yaml",
                                 std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    config_.device_cas = {(config_.data() / "server.key").string(),
                          (config_.data() / "server.pem").string(), "/nowhere"};
    const auto material = load_key_material(config_, now);
    ASSERT_FALSE(material);
    EXPECT_THAT(material.error().message, HasSubstr("server.key' is not the key of '"));
    EXPECT_THAT(material.error().message,
                HasSubstr("server.key': there is no PEM certificate in it"));
    EXPECT_THAT(material.error().message,
                HasSubstr("server.pem' holds a certificate that is not a CA's"));
    EXPECT_THAT(material.error().message, HasSubstr("cannot read '/nowhere'"));
    EXPECT_THAT(material.error().message,
                HasSubstr("policies.yaml' holds keys, yet everybody may read it"));
    EXPECT_THAT(material.error().message, Not(HasSubstr("PRIVATE")));
}

TEST_F(DataFolder, TheWelcomeTellsTheConnectionStringAndHowToTrust) {
    prepare();
    const auto policies = load_key_material(config_, now)->policies;
    const std::string welcome = welcome_text(config_, policies);
    EXPECT_THAT(
        welcome,
        HasSubstr("HostName=Twins.Example.com;SharedAccessKeyName=iothubowner;SharedAccessKey=" +
                  policies[0].primary_key));
    EXPECT_THAT(welcome, HasSubstr("NODE_EXTRA_CA_CERTS=" + config_.data_folder + "/ca.pem"));
    config_.https_port = 8443;
    EXPECT_THAT(welcome_text(config_, policies), HasSubstr("HostName=Twins.Example.com:8443;"));
}

TEST_F(DataFolder, IsHeldByOneServer) {
    prepare();
    const auto path = config_.pid_path();
    EXPECT_FALSE(running_server(path));
    {
        const auto held = PidFile::hold(path);
        ASSERT_TRUE(held);
        EXPECT_EQ(running_server(path), ::getpid());
        const auto second = PidFile::hold(path);
        ASSERT_FALSE(second);
        EXPECT_THAT(second.error().message, HasSubstr("in use by the server with process number " +
                                                      std::to_string(::getpid())));
    }
    EXPECT_FALSE(running_server(path));
    EXPECT_EQ(signal_reload(path), Result<bool>(false));
}

}  // namespace
}  // namespace twinhub::apps
