#pragma once

#include "base/result.h"
#include "base/task.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace boost::asio::ssl {
class context;
}  // namespace boost::asio::ssl

namespace twinhub::apps {

// Where a client connects, and what it trusts.
struct Endpoint {
    std::string host;  // checked against the certificate, and sent as SNI
    std::uint16_t port = 443;
    std::string address;  // connect here instead of to what `host` resolves to; empty = resolve
};

// What is trusted: the certificates of one file, or those of the system. Shared by connections.
using TrustStore = std::shared_ptr<asio::ssl::context>;
// Errors: not_found, format_invalid.
Result<TrustStore> make_trust(const std::string& ca_file);  // empty = the system's

// One TLS connection from our side, on one executor. The only place where Asio's TLS stream is
// compiled. One read and one write at a time; close() ends both.
class TlsClient {
public:
    TlsClient(Executor executor, TrustStore trust);
    ~TlsClient();

    // Errors: unavailable (worded for a person), unauthorized (the certificate is not trusted).
    Task<Result<>> connect(Endpoint endpoint);
    // 0 bytes never; the end is an error. Errors: unavailable.
    Task<Result<std::size_t>> read_some(std::span<char> into);
    Task<Result<>> write(std::string_view bytes);
    void close();

private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace twinhub::apps
