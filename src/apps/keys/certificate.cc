#include "apps/keys/certificate.h"

#include "base/encoding.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <ctime>

namespace twinhub::apps {
namespace {

struct Deleter {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(X509_CRL* list) const { X509_CRL_free(list); }
    void operator()(ASN1_STRING* value) const { ASN1_STRING_free(value); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
template <class T>
using Owned = std::unique_ptr<T, Deleter>;

auto library_failure(std::string_view what) {
    char reason[160];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    return failure(Code::internal, fmt::format("{}: {}", what, reason));
}

std::time_t seconds_of(Instant instant) {
    return std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
}

bool add_extension(X509& certificate, X509V3_CTX& context, int nid, const char* value) {
    const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

bool is_address(const std::string& name) {
    in6_addr bytes;
    return ::inet_pton(AF_INET, name.c_str(), &bytes) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), &bytes) == 1;
}

struct Extension {
    int nid;
    std::string value;
};

struct Request {
    std::string_view common_name;
    std::vector<Extension> extensions;
    Lifetime lifetime;
};

// Makes and signs a certificate; self-signed when there is no issuer.
Result<Certificate> make(const Request& request, EVP_PKEY& key, X509* issuer,
                         EVP_PKEY& issuer_key) {
    Certificate certificate(X509_new());
    if (!certificate) return library_failure("cannot make a certificate");
    X509& x = *certificate;

    unsigned char serial[16];
    const Owned<BIGNUM> number(RAND_bytes(serial, sizeof serial) == 1
                                   ? BN_bin2bn(serial, sizeof serial, nullptr)
                                   : nullptr);
    bool good = number && BN_clear_bit(number.get(), 127) == 1 &&  // positive in 16 bytes
                BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&x)) != nullptr;
    good = good && X509_set_version(&x, X509_VERSION_3) == 1 && X509_set_pubkey(&x, &key) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(&x), seconds_of(request.lifetime.from)) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(&x), seconds_of(request.lifetime.to)) != nullptr;
    // A common name holds 64 characters; longer host names are in the alternative names alone.
    const std::string_view name = request.common_name.substr(0, 64);
    good =
        good && X509_NAME_add_entry_by_NID(X509_get_subject_name(&x), NID_commonName, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(name.data()),
                                           static_cast<int>(name.size()), -1, 0) == 1;
    good = good && X509_set_issuer_name(&x, X509_get_subject_name(issuer ? issuer : &x)) == 1;

    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : &x, &x, nullptr, nullptr, 0);
    for (const Extension& extension : request.extensions)
        good = good && add_extension(x, context, extension.nid, extension.value.c_str());
    good = good && X509_sign(&x, &issuer_key, EVP_sha256()) > 0;
    if (!good) return library_failure("cannot make a certificate");
    return certificate;
}

std::string bio_text(BIO& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(&bio, &data);
    return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

Instant instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return never;
    return Instant{std::chrono::seconds{::timegm(&parts)}};
}

std::string thumbprint(const X509& certificate, const EVP_MD* digest) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    CHECK(X509_digest(&certificate, digest, bytes, &size) == 1);
    std::string text = hex_encode({reinterpret_cast<const char*>(bytes), size});
    for (char& c : text)
        if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

}  // namespace

Result<Key> make_key(KeyAlgorithm algorithm) {
    Key key(algorithm == KeyAlgorithm::rsa_2048 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
    if (!key) return library_failure("cannot make a key");
    return key;
}

Result<Certificate> make_ca(std::string_view common_name, EVP_PKEY& key, Lifetime lifetime) {
    const Request request{common_name,
                          {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                           {NID_key_usage, "critical,keyCertSign,cRLSign"},
                           {NID_subject_key_identifier, "hash"}},
                          lifetime};
    return make(request, key, nullptr, key);
}

Result<Certificate> make_server_certificate(std::span<const std::string> names, EVP_PKEY& key,
                                            X509& ca, EVP_PKEY& ca_key, Lifetime lifetime) {
    CHECK(!names.empty());
    std::string alternatives;
    for (const std::string& name : names)
        alternatives += fmt::format("{}{}:{}", alternatives.empty() ? "" : ",",
                                    is_address(name) ? "IP" : "DNS", name);
    const Request request{names.front(),
                          {{NID_basic_constraints, "critical,CA:FALSE"},
                           {NID_key_usage, EVP_PKEY_get_base_id(&key) == EVP_PKEY_RSA
                                               ? "critical,digitalSignature,keyEncipherment"
                                               : "critical,digitalSignature"},
                           {NID_ext_key_usage, "serverAuth"},
                           {NID_subject_key_identifier, "hash"},
                           {NID_authority_key_identifier, "keyid:always"},
                           {NID_subject_alt_name, alternatives}},
                          lifetime};
    return make(request, key, &ca, ca_key);
}

Result<Certificate> make_device_authority(std::string_view common_name, EVP_PKEY& key,
                                          const Issuer* issuer, Lifetime lifetime) {
    Request request{common_name,
                    {{NID_basic_constraints, "critical,CA:TRUE"},
                     {NID_key_usage, "critical,keyCertSign,cRLSign"},
                     {NID_subject_key_identifier, "hash"}},
                    lifetime};
    if (issuer == nullptr) return make(request, key, nullptr, key);
    request.extensions.push_back({NID_authority_key_identifier, "keyid"});
    return make(request, key, &issuer->certificate, issuer->key);
}

Result<Certificate> make_signed_device_certificate(std::string_view common_name, EVP_PKEY& key,
                                                   const Issuer& issuer, Lifetime lifetime) {
    const Request request{common_name,
                          {{NID_basic_constraints, "critical,CA:FALSE"},
                           {NID_key_usage, "critical,digitalSignature"},
                           {NID_ext_key_usage, "clientAuth"},
                           {NID_subject_key_identifier, "hash"},
                           {NID_authority_key_identifier, "keyid"}},
                          lifetime};
    return make(request, key, &issuer.certificate, issuer.key);
}

Result<std::string> make_revocation_list(std::span<const Certificate> revoked, const Issuer& issuer,
                                         std::uint64_t number, Lifetime lifetime) {
    const Owned<X509_CRL> list(X509_CRL_new());
    const Owned<ASN1_TIME> from(ASN1_TIME_set(nullptr, seconds_of(lifetime.from)));
    const Owned<ASN1_TIME> to(ASN1_TIME_set(nullptr, seconds_of(lifetime.to)));
    const Owned<ASN1_INTEGER> serial(ASN1_INTEGER_new());
    bool good =
        list && from && to && serial && X509_CRL_set_version(list.get(), 1) == 1 &&
        X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(&issuer.certificate)) == 1 &&
        X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
        X509_CRL_set1_nextUpdate(list.get(), to.get()) == 1 &&
        ASN1_INTEGER_set_uint64(serial.get(), number) == 1 &&
        X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, serial.get(), 0, 0) == 1;
    for (const Certificate& certificate : revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        good =
            good && entry != nullptr &&
            X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get())) == 1 &&
            X509_REVOKED_set_revocationDate(entry, from.get()) == 1;
        if (!good || X509_CRL_add0_revoked(list.get(), entry) != 1) {
            X509_REVOKED_free(entry);
            good = false;
        }
    }
    good = good && X509_CRL_sort(list.get()) == 1 &&
           X509_CRL_sign(list.get(), &issuer.key, EVP_sha256()) > 0;
    const Owned<BIO> bio(BIO_new(BIO_s_mem()));
    if (!good || !bio || PEM_write_bio_X509_CRL(bio.get(), list.get()) != 1)
        return library_failure("cannot make a revocation list");
    return bio_text(*bio);
}

Result<Certificate> make_device_certificate(std::string_view common_name, EVP_PKEY& key,
                                            Lifetime lifetime) {
    const Request request{common_name,
                          {{NID_basic_constraints, "critical,CA:FALSE"},
                           {NID_key_usage, "critical,digitalSignature"},
                           {NID_ext_key_usage, "clientAuth"}},
                          lifetime};
    return make(request, key, nullptr, key);
}

std::string to_pem(const X509& certificate) {
    const Owned<BIO> bio(BIO_new(BIO_s_mem()));
    CHECK(bio && PEM_write_bio_X509(bio.get(), &certificate) == 1);
    return bio_text(*bio);
}

std::string to_pem(EVP_PKEY& key) {
    const Owned<BIO> bio(BIO_new(BIO_s_secmem()));
    CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr,
                                               nullptr) == 1);
    return bio_text(*bio);
}

Result<std::vector<Certificate>> parse_certificates(std::string_view pem) {
    const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    std::vector<Certificate> certificates;
    while (X509* certificate = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr))
        certificates.emplace_back(certificate);
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!at_end) return failure(Code::format_invalid, "a certificate is damaged");
    if (certificates.empty())
        return failure(Code::format_invalid, "there is no PEM certificate in it");
    return certificates;
}

Result<Key> parse_key(std::string_view pem) {
    const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const auto no_pass_phrase = [](char*, int, int, void*) { return -1; };
    Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
    ERR_clear_error();
    if (!key)
        return failure(Code::format_invalid, "there is no PEM key without a pass phrase in it");
    return key;
}

bool matches(const X509& certificate, EVP_PKEY& key) {
    return EVP_PKEY_eq(X509_get0_pubkey(&certificate), &key) == 1;
}

Instant expires_at(const X509& certificate) { return instant_of(X509_get0_notAfter(&certificate)); }

Instant starts_at(const X509& certificate) { return instant_of(X509_get0_notBefore(&certificate)); }

std::vector<std::string> names_of(const X509& certificate) {
    std::vector<std::string> out;
    const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
        const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
        const char* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
        const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
        char text[INET6_ADDRSTRLEN] = {};
        if (name->type == GEN_DNS) out.push_back(ascii_lower({data, size}));
        else if (::inet_ntop(size == 4 ? AF_INET : AF_INET6, data, text, sizeof text))
            out.emplace_back(text);
    }
    std::ranges::sort(out);
    return out;
}

std::string sha256_thumbprint(const X509& certificate) {
    return thumbprint(certificate, EVP_sha256());
}

std::string sha1_thumbprint(const X509& certificate) { return thumbprint(certificate, EVP_sha1()); }

}  // namespace twinhub::apps
