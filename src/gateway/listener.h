#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "gateway/connection_limit.h"
#include "gateway/deadlines.h"
#include "gateway/tls/socket_transport.h"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace twinhub::gateway {

// A bound address that every loop can accept from.
class ListeningSocket {
public:
    // `port` 0 takes any free one. Errors: unavailable, naming address and port.
    static Result<std::shared_ptr<ListeningSocket>> open(const std::string& address,
                                                         std::uint16_t port, int backlog);
    ~ListeningSocket();
    ListeningSocket(const ListeningSocket&) = delete;
    ListeningSocket& operator=(const ListeningSocket&) = delete;
    std::uint16_t port() const { return port_; }
    int descriptor() const { return descriptor_; }
    bool is_v6() const { return v6_; }

private:
    ListeningSocket(int descriptor, bool v6) : descriptor_(descriptor), v6_(v6) {}
    int descriptor_;
    bool v6_;
    std::uint16_t port_ = 0;
};

// The certificates that new connections get; swapped whole on reload. nullptr = plain.
using SharedTls = SharedValue<const TlsContext>;

// Accepts connections on one loop, takes them through TLS within a time, and hands them on.
class Acceptor {
public:
    using Accepted = std::function<void(std::unique_ptr<Transport>)>;
    struct Settings {
        std::chrono::milliseconds handshake{30'000};
    };
    Acceptor(Executor executor, std::shared_ptr<ListeningSocket> socket, SharedTls* tls,
             Deadlines& deadlines, const Clock& clock, Log& log, ConnectionLimit& limit,
             ListenerMetrics& metrics, Settings settings, Accepted accepted);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;
    void stop();  // on the loop; ends handshakes under way

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace twinhub::gateway
