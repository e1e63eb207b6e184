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

namespace twinhub::gateway {

// Where a client connects.
struct ServerEndpoint {
    std::string host;  // checked against the certificate, and sent as SNI
    std::uint16_t port = 443;
    std::string address;  // connect here instead of to what `host` resolves to; empty = resolve
};

// Which servers a client believes. Shared by connections.
using ClientTrust = std::shared_ptr<asio::ssl::context>;
enum class SystemAuthorities : std::uint8_t { unless_file, always };
// Those whose certificate leads to one of `ca_file`, or to one that the system trusts: always, or
// only when no file is named. Errors: format_invalid, naming the file.
Result<ClientTrust> make_trust(const std::string& ca_file,
                               SystemAuthorities system = SystemAuthorities::unless_file);

// One connection from our side, on one executor: bytes both ways, whatever carries them. One read
// and one write at a time.
class ClientStream {
public:
    virtual ~ClientStream() = default;
    // Errors: unavailable (worded for a person), unauthorized (the certificate is not trusted).
    virtual Task<Result<>> connect(ServerEndpoint endpoint) = 0;
    // 0 bytes never; the end is an error. Errors: unavailable.
    virtual Task<Result<std::size_t>> read_some(std::span<char> into) = 0;
    virtual Task<Result<>> write(std::string_view bytes) = 0;
    // Ends what is under way, which then fails.
    virtual void close() = 0;
};

}  // namespace twinhub::gateway
