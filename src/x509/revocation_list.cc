#include "x509/revocation_list.h"

#include "base/encoding.h"
#include "x509/asn1.h"
#include "x509/blocks.h"
#include "x509/handles.h"
#include "x509/limits.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <vector>

namespace twinhub::x509 {
namespace {

std::unexpected<Error> refused(std::string message) {
    ERR_clear_error();
    return failure(Code::argument_invalid, std::move(message));
}

// Says for whom a list speaks when that is not simply "all that I have signed".
bool is_partial(const X509_CRL* list) {
    return X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0 ||
           X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1) >= 0;
}

bool has_unknown_rule(const X509_CRL* list) {
    for (int i = 0; i < X509_CRL_get_ext_count(list); ++i) {
        X509_EXTENSION* extension = X509_CRL_get_ext(list, i);
        const int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) != 0 && kind != NID_crl_number &&
            kind != NID_authority_key_identifier)
            return true;
    }
    return false;
}

std::optional<std::string> number_of(const X509_CRL* list) {
    auto* number =
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr));
    ERR_clear_error();
    if (number == nullptr) return std::nullopt;
    std::string text = serial_text(number);
    ASN1_INTEGER_free(number);
    return text;
}

}  // namespace

struct RevocationList::Content {
    Certificate issuer;
    std::string pem;
    std::vector<std::string> serials;  // sorted
    std::optional<std::string> number;
    Instant issued = never;
    Instant next_update = never;
};

Result<RevocationList> RevocationList::parse(std::string_view text, const Certificate& issuer) {
    TRY(const std::vector<std::string> blocks,
        blocks_of(text, BlockKind::revocation_list, 1, revocation_list_bytes_max * 3 / 2));
    const std::string& bytes = blocks.front();
    if (bytes.size() > revocation_list_bytes_max)
        return refused("The revocation list is larger than " +
                       std::to_string(revocation_list_bytes_max) + " bytes");
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const auto* const end = at + bytes.size();
    const Owned<X509_CRL> list(d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size())));
    if (!list || at != end) return refused("The revocation list is damaged");
    if (X509_NAME_cmp(X509_CRL_get_issuer(list.get()), X509_get_subject_name(issuer.get())) != 0)
        return refused("The revocation list is not of this authority, but of " +
                       name_text(X509_CRL_get_issuer(list.get())));
    if ((X509_get_key_usage(issuer.get()) & X509v3_KU_CRL_SIGN) == 0)
        return refused("The authority may not sign revocation lists (its key usage lacks cRLSign)");
    int digest = NID_undef;
    if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(list.get()), &digest, nullptr) != 1 ||
        digest == NID_md5 || digest == NID_sha1 || digest == NID_md2 || digest == NID_md4)
        return refused("The revocation list is signed over a digest that no longer counts");
    if (issuer.key() == nullptr || X509_CRL_verify(list.get(), issuer.key()) != 1)
        return refused("The revocation list is not signed by the authority's key");
    if (is_partial(list.get()) || has_unknown_rule(list.get()))
        return refused("The revocation list is a partial one; a complete one is needed");

    auto content = std::make_shared<Content>();
    const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(list.get());
    const int count = revoked == nullptr ? 0 : sk_X509_REVOKED_num(revoked);
    if (static_cast<std::size_t>(count) > revoked_max)
        return refused("The revocation list has more than " + std::to_string(revoked_max) +
                       " entries");
    content->serials.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
        content->serials.push_back(
            serial_text(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i))));
    std::ranges::sort(content->serials);
    content->issuer = issuer;
    content->number = number_of(list.get());
    content->issued = instant_of(X509_CRL_get0_lastUpdate(list.get()));
    content->next_update = instant_of(X509_CRL_get0_nextUpdate(list.get()));
    const Owned<BIO> memory(BIO_new(BIO_s_mem()));
    CHECK(memory && PEM_write_bio_X509_CRL(memory.get(), list.get()) == 1);
    content->pem = text_of(memory.get());
    ERR_clear_error();
    RevocationList made;
    made.content_ = std::move(content);
    return made;
}

bool RevocationList::revokes(const Certificate& certificate) const {
    return content_ && certificate.has_issuer_named(content_->issuer) &&
           std::ranges::binary_search(content_->serials, certificate.serial_number()) &&
           certificate.is_signed_by(content_->issuer);
}

const Certificate& RevocationList::issuer() const { return content_->issuer; }
std::string RevocationList::pem() const { return content_->pem; }
std::optional<std::string> RevocationList::number() const { return content_->number; }
Instant RevocationList::issued() const { return content_->issued; }
Instant RevocationList::next_update() const { return content_->next_update; }
std::size_t RevocationList::size() const { return content_->serials.size(); }

bool is_newer_or_same(const RevocationList& next, const RevocationList& current) {
    const auto a = next.number();
    const auto b = current.number();
    if (!a || !b) return next.issued() >= current.issued();
    return a->size() != b->size() ? a->size() > b->size() : *a >= *b;
}

}  // namespace twinhub::x509
