#pragma once

#include "base/result.h"

#include <memory>
#include <string>
#include <vector>

typedef struct ssl_ctx_st SSL_CTX;
typedef struct x509_store_st X509_STORE;

namespace twinhub::gateway {

// A server certificate with its chain and key, as PEM text. Several with keys of different kinds
// (ECDSA and RSA) let each client take what it knows.
struct ServerCertificate {
    std::string chain_pem;  // leaf first
    std::string key_pem;
};

// What a TLS server needs, ready made: TLS 1.2 and 1.3 only, forward secrecy only, session tickets,
// client certificates asked for and judged later (spec device-protocols 6.4, 8.5). Immutable, so a
// reload swaps it whole while connections keep theirs.
class TlsContext {
public:
    // Errors: argument_invalid, naming the certificate; never showing a key.
    static Result<std::shared_ptr<const TlsContext>> create(
        const std::vector<ServerCertificate>& certificates);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    SSL_CTX* get() const { return context_; }

private:
    explicit TlsContext(SSL_CTX* context) : context_(context) {}
    SSL_CTX* context_;
};

}  // namespace twinhub::gateway
