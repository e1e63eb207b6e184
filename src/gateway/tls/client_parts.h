#pragma once

#include "gateway/tls/client_stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace twinhub::gateway {

// What streams of clients are made of.
struct TlsClientParts {
    TlsClientParts(Executor executor, ClientTrust trusted)
        : trust(std::move(trusted)),
          resolver(executor),
          tls(asio::ip::tcp::socket(executor), *trust) {}
    ClientTrust trust;
    asio::ip::tcp::resolver resolver;
    asio::ssl::stream<asio::ip::tcp::socket> tls;
    bool closed = false;

    // Finds the host, connects, and checks its certificate. Errors: as ClientStream::connect.
    Task<Result<>> connect(ServerEndpoint endpoint);
    void close();
};

}  // namespace twinhub::gateway
