#pragma once

#include "gateway/tls/client_stream.h"

namespace twinhub::apps {

// A connection over WebSocket over TLS, as devices use it where only port 443 is open (spec
// device-protocols 1.1, 4.1). The only place where Beast's WebSocket over Asio's TLS is compiled.
class WebSocketClient final : public gateway::ClientStream {
public:
    // `subprotocol` is what the hub must speak: mqtt, AMQPWSB10.
    WebSocketClient(Executor executor, gateway::ClientTrust trust, std::string subprotocol);
    ~WebSocketClient() override;

    Task<Result<>> connect(gateway::ServerEndpoint endpoint) override;
    Task<Result<std::size_t>> read_some(std::span<char> into) override;
    Task<Result<>> write(std::string_view bytes) override;
    void close() override;

private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace twinhub::apps
