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

// One connection from our side, on one executor: bytes both ways, whatever carries them. One read
// and one write at a time; close() ends both.
class ClientStream {
public:
    virtual ~ClientStream() = default;
    // Errors: unavailable (worded for a person), unauthorized (the certificate is not trusted).
    virtual Task<Result<>> connect(Endpoint endpoint) = 0;
    // 0 bytes never; the end is an error. Errors: unavailable.
    virtual Task<Result<std::size_t>> read_some(std::span<char> into) = 0;
    virtual Task<Result<>> write(std::string_view bytes) = 0;
    virtual void close() = 0;
};

}  // namespace twinhub::apps
