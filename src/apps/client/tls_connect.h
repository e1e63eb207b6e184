#pragma once

#include "apps/client/client_stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace twinhub::apps {

// What the streams of apps/client are made of.
struct TlsParts {
    TlsParts(Executor executor, TrustStore trusted)
        : trust(std::move(trusted)),
          resolver(executor),
          tls(asio::ip::tcp::socket(executor), *trust) {}
    TrustStore trust;
    asio::ip::tcp::resolver resolver;
    asio::ssl::stream<asio::ip::tcp::socket> tls;

    // Finds the host, connects, and checks its certificate. Errors: as ClientStream::connect.
    Task<Result<>> connect(Endpoint endpoint);
    void close();
};

}  // namespace twinhub::apps
