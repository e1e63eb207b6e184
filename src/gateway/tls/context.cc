#include "gateway/tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace twinhub::gateway {
namespace {

struct Free {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

std::string last_error() {
    char text[160] = "unknown reason";
    if (const unsigned long code = ERR_get_error(); code != 0)
        ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return text;
}

Owned<BIO> memory(const std::string& text) {
    return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Any certificate may pass the handshake: what it is worth is judged when the peer says who it is,
// so that a device gets an answer in its protocol (spec device-protocols 9.19). No chain is built
// here, so a stranger makes nobody check signatures; that the key is the peer's own is proved all
// the same.
int accept_any_certificate(X509_STORE_CTX* context, void*) {
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

// A ticket keeps the peer's certificate, but not the intermediates it came with, and without them a
// device could not prove itself after it resumed. Such a session is marked, and never resumed: the
// client falls back to a whole handshake by itself.
constexpr char whole_handshake_only = 'w';

int mark_ticket(SSL* ssl, void*) {
    const STACK_OF(X509)* intermediates = SSL_get_peer_cert_chain(ssl);
    if (intermediates == nullptr || sk_X509_num(intermediates) == 0) return 1;
    return SSL_SESSION_set1_ticket_appdata(SSL_get0_session(ssl), &whole_handshake_only, 1);
}

SSL_TICKET_RETURN judge_ticket(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                               SSL_TICKET_STATUS status, void*) {
    if (status == SSL_TICKET_EMPTY || status == SSL_TICKET_NO_DECRYPT)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    void* mark = nullptr;
    std::size_t size = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &mark, &size) != 1 || size != 0)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

Result<> use(SSL_CTX* context, const ServerCertificate& certificate) {
    const Owned<BIO> chain = memory(certificate.chain_pem);
    const Owned<X509> leaf(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
    if (!leaf)
        return failure(Code::argument_invalid,
                       "The server certificate is not PEM (" + last_error() + ")");
    if (SSL_CTX_use_certificate(context, leaf.get()) != 1)
        return failure(Code::argument_invalid,
                       "The server certificate cannot be used (" + last_error() + ")");
    while (Owned<X509> issuer{PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)}) {
        // A root is of no use to a peer: it either has it already or must not believe it.
        if (X509_self_signed(issuer.get(), 0) == 1) continue;
        if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1)
            return failure(Code::argument_invalid,
                           "The server certificate's chain cannot be used (" + last_error() + ")");
    }
    ERR_clear_error();
    const Owned<BIO> key_text = memory(certificate.key_pem);
    const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    if (!key)
        return failure(Code::argument_invalid, "The server key is not PEM (" + last_error() + ")");
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
        return failure(Code::argument_invalid,
                       "The server key does not belong to its certificate (" + last_error() + ")");
    return {};
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::create(
    const std::vector<ServerCertificate>& certificates) {
    std::shared_ptr<TlsContext> result(new TlsContext(SSL_CTX_new(TLS_server_method())));
    SSL_CTX* context = result->context_;
    CHECK(context != nullptr);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    // For TLS 1.2: ECDHE with AEAD only. TLS 1.3 has nothing else.
    CHECK(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    // The small cipher first: devices gain nothing from 256 bits, and it is the cheapest here.
    CHECK(SSL_CTX_set_ciphersuites(
              context,
              "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1);
    CHECK(SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_OFF);  // tickets keep the state at the client
    SSL_CTX_set_num_tickets(context, 1);
    const unsigned char name[] = "twinhub";
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    CHECK(SSL_CTX_set_session_ticket_cb(context, mark_ticket, judge_ticket, nullptr) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, accept_any_certificate, nullptr);
    SSL_CTX_set_max_cert_list(context, 32 * 1024);
    for (const ServerCertificate& certificate : certificates) TRY_VOID(use(context, certificate));
    if (certificates.empty())
        return failure(Code::argument_invalid, "No server certificate is given");
    return result;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

}  // namespace twinhub::gateway
