#pragma once

#include "gateway/tls/client_stream.h"

namespace twinhub::gateway {

// A connection over TLS.
class TlsClient final : public ClientStream {
public:
    TlsClient(Executor executor, ClientTrust trust);
    ~TlsClient() override;

    Task<Result<>> connect(ServerEndpoint endpoint) override;
    Task<Result<std::size_t>> read_some(std::span<char> into) override;
    Task<Result<>> write(std::string_view bytes) override;
    void close() override;

private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace twinhub::gateway
