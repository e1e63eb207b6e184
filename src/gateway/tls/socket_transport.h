#pragma once

#include "gateway/connection_limit.h"
#include "gateway/tls/context.h"
#include "gateway/transport.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace twinhub::gateway {

// A TCP connection as a Transport: with TLS by OpenSSL directly over the non-blocking socket, or
// plain behind a proxy. Made by the listener.
class SocketTransport final : public Transport {
public:
    using Done = std::move_only_function<void(std::unique_ptr<SocketTransport>)>;

    // Takes an accepted socket through the handshake; `done` is called once on the loop, maybe
    // before this returns, with nullptr when the peer failed it. Without a context the connection
    // stays plain. `place` is given back when the socket closes. What it returns ends a handshake
    // that takes too long, and does nothing to a finished one.
    static std::function<void()> accept(asio::ip::tcp::socket socket,
                                        std::shared_ptr<const TlsContext> context,
                                        ConnectionLimit::Place place, Done done);

    ~SocketTransport() override;

    Executor executor() const override;
    void wait_readable(Ready ready) override;
    Result<std::size_t> read_some(std::span<std::byte> into) override;
    void write(std::string_view bytes) override;
    std::size_t unsent() const override;
    void wait_sent(Ready ready) override;
    void close() override;
    const Peer& peer() const override;
    X509* certificate() const override;
    STACK_OF_X509* certificate_chain() const override;
    void move_to(Executor executor) override;

private:
    struct Impl;
    explicit SocketTransport(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace twinhub::gateway
