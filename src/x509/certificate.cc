#include "x509/certificate.h"

#include "base/encoding.h"
#include "x509/asn1.h"
#include "x509/blocks.h"
#include "x509/handles.h"
#include "x509/limits.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace twinhub::x509 {
namespace {

std::unexpected<Error> refused(std::string message) {
    ERR_clear_error();
    return failure(Code::argument_invalid, std::move(message));
}

std::string thumbprint(const X509* certificate, const EVP_MD* kind) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (X509_digest(certificate, kind, bytes, &size) != 1) return {};
    return upper_hex(std::string_view(reinterpret_cast<const char*>(bytes), size));
}

bool is_on_named_curve(const X509* certificate) {
    X509_ALGOR* algorithm = nullptr;
    int form = V_ASN1_UNDEF;
    if (X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm,
                               X509_get_X509_PUBKEY(certificate)) == 1)
        X509_ALGOR_get0(nullptr, &form, nullptr, algorithm);
    return form == V_ASN1_OBJECT;
}

Result<> check_limits(const X509* certificate) {
    const int bytes = i2d_X509(certificate, nullptr);
    if (bytes <= 0 || static_cast<std::size_t>(bytes) > certificate_bytes_max)
        return refused("The certificate is larger than " + std::to_string(certificate_bytes_max) +
                       " bytes");
    if (X509_get_ext_count(certificate) > extensions_max)
        return refused("The certificate has more than " + std::to_string(extensions_max) +
                       " extensions");
    if (X509_NAME_entry_count(X509_get_subject_name(certificate)) > name_entries_max ||
        X509_NAME_entry_count(X509_get_issuer_name(certificate)) > name_entries_max)
        return refused("A name in the certificate has more than " +
                       std::to_string(name_entries_max) + " parts");
    return {};
}

}  // namespace

Result<Certificate> Certificate::parse(std::string_view text) {
    TRY(std::vector<Certificate> all, parse_all(text, 1));
    return std::move(all.front());
}

Result<std::vector<Certificate>> Certificate::parse_all(std::string_view text,
                                                        std::size_t count_max) {
    TRY(const std::vector<std::string> blocks,
        blocks_of(text, BlockKind::certificate, count_max, text_bytes_max));
    std::vector<Certificate> all;
    for (const std::string& block : blocks) {
        TRY(Certificate one, parse_der(block));
        all.push_back(std::move(one));
    }
    return all;
}

Result<Certificate> Certificate::parse_der(std::string_view bytes) {
    if (bytes.size() > certificate_bytes_max)
        return refused("The certificate is larger than " + std::to_string(certificate_bytes_max) +
                       " bytes");
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const auto* const end = at + bytes.size();
    const std::shared_ptr<X509> handle(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())),
                                       Free{});
    if (!handle || at != end) return refused("The certificate is damaged");
    TRY_VOID(check_limits(handle.get()));
    return Certificate(handle);
}

Result<Certificate> Certificate::share(X509* certificate) {
    TRY_VOID(check_limits(certificate));
    X509_up_ref(certificate);
    return Certificate(std::shared_ptr<X509>(certificate, Free{}));
}

EVP_PKEY* Certificate::key() const {
    EVP_PKEY* key = X509_get0_pubkey(get());
    if (key == nullptr) ERR_clear_error();
    return key;
}

std::string Certificate::pem() const {
    const Owned<BIO> memory(BIO_new(BIO_s_mem()));
    CHECK(memory && PEM_write_bio_X509(memory.get(), get()) == 1);
    return text_of(memory.get());
}

std::string Certificate::der() const {
    std::string bytes(static_cast<std::size_t>(i2d_X509(get(), nullptr)), '\0');
    auto* to = reinterpret_cast<unsigned char*>(bytes.data());
    i2d_X509(get(), &to);
    return bytes;
}

std::string Certificate::subject_name() const { return name_text(X509_get_subject_name(get())); }
std::string Certificate::issuer_name() const { return name_text(X509_get_issuer_name(get())); }

std::string Certificate::common_name() const {
    const X509_NAME* subject = X509_get_subject_name(get());
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    ERR_clear_error();
    if (size < 0) return {};
    std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
    return name;
}

std::string Certificate::serial_number() const {
    return serial_text(X509_get0_serialNumber(get()));
}
std::string Certificate::sha1_thumbprint() const { return thumbprint(get(), EVP_sha1()); }
std::string Certificate::sha256_thumbprint() const { return thumbprint(get(), EVP_sha256()); }
Instant Certificate::not_before() const { return instant_of(X509_get0_notBefore(get())); }
Instant Certificate::not_after() const { return instant_of(X509_get0_notAfter(get())); }
bool Certificate::is_valid_at(Instant now) const {
    // A time that cannot be read is `never` on either side: not valid.
    const Instant from = not_before();
    const Instant to = not_after();
    return from != never && to != never && from <= now && now <= to;
}
int Certificate::version() const { return static_cast<int>(X509_get_version(get())) + 1; }

bool Certificate::is_authority() const {
    const bool is = X509_check_ca(get()) == 1;
    ERR_clear_error();
    return is;
}

bool Certificate::is_self_signed() const {
    const bool is = X509_self_signed(get(), 1) == 1;
    ERR_clear_error();
    return is;
}

CertificateInfo Certificate::info() const {
    return {.subject_name = subject_name(),
            .sha1_thumbprint = sha1_thumbprint(),
            .sha256_thumbprint = sha256_thumbprint(),
            .issuer_name = issuer_name(),
            .not_before = not_before(),
            .not_after = not_after(),
            .serial_number = serial_number(),
            .version = version()};
}

bool Certificate::is_signed_by(const Certificate& issuer) const {
    int strength = 0;
    std::uint32_t flags = 0;
    bool good = X509_get_signature_info(get(), nullptr, nullptr, &strength, &flags) == 1 &&
                strength >= signature_strength_min && issuer.key() != nullptr;
    good = good && X509_verify(get(), issuer.key()) == 1;
    ERR_clear_error();
    return good;
}

bool Certificate::has_same_key(const Certificate& other) const {
    return key() != nullptr && other.key() != nullptr && EVP_PKEY_eq(key(), other.key()) == 1;
}

bool Certificate::has_issuer_named(const Certificate& issuer) const {
    return X509_NAME_cmp(X509_get_issuer_name(get()), X509_get_subject_name(issuer.get())) == 0;
}

bool operator==(const Certificate& a, const Certificate& b) {
    if (!a || !b) return !a && !b;
    return a.handle_ == b.handle_ || X509_cmp(a.get(), b.get()) == 0;
}

Result<> check_key(const Certificate& certificate) {
    const EVP_PKEY* key = certificate.key();
    if (key == nullptr) return refused("The key of the certificate is of an unknown kind");
    const int bits = EVP_PKEY_get_bits(key);
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
        case EVP_PKEY_RSA_PSS: {
            if (bits < rsa_bits_min || bits > rsa_bits_max)
                return refused("The key of the certificate is RSA of " + std::to_string(bits) +
                               " bits; " + std::to_string(rsa_bits_min) + " to " +
                               std::to_string(rsa_bits_max) + " are accepted");
            BIGNUM* exponent = nullptr;
            EVP_PKEY_get_bn_param(key, "e", &exponent);
            const Owned<BIGNUM> owned(exponent);
            if (!owned || BN_num_bits(owned.get()) > rsa_exponent_bits_max)
                return refused("The RSA key of the certificate has an exponent that is too large");
            return {};
        }
        case EVP_PKEY_EC: {
            // A curve that is written out instead of named costs much to check, and hides tricks.
            if (!is_on_named_curve(certificate.get()))
                return refused("The key of the certificate is on a curve without a name");
            if (bits < elliptic_bits_min)
                return refused("The key of the certificate is on a curve of " +
                               std::to_string(bits) + " bits; at least " +
                               std::to_string(elliptic_bits_min) + " are accepted");
            return {};
        }
        case EVP_PKEY_ED25519:
        case EVP_PKEY_ED448: return {};
        default: return refused("The key of the certificate is neither RSA nor elliptic");
    }
}

}  // namespace twinhub::x509
