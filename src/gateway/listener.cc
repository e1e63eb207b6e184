#include "gateway/listener.h"


#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace twinhub::gateway {

using tcp = asio::ip::tcp;

Result<std::shared_ptr<ListeningSocket>> ListeningSocket::open(const std::string& address, std::uint16_t port, int backlog) {
    const std::string name = address + " port " + std::to_string(port);
    boost::system::error_code error;
    const auto parsed = asio::ip::make_address(address, error);
    if (error) return failure(Code::argument_invalid, "'" + address + "' is not an IP address to listen on");
    const tcp::endpoint endpoint(parsed, port);
    const int descriptor = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const auto refused = [&](const char* what) {
        const int why = errno;
        if (descriptor >= 0) ::close(descriptor);
        return failure(Code::unavailable, std::string("Cannot ") + what + " " + name + ": " + std::strerror(why) +
                                              (why == EACCES ? " (ports below 1024 need CAP_NET_BIND_SERVICE or root)" : ""));
    };
    if (descriptor < 0) return refused("open a socket for");
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // IPv4 has a listener of its own, so that both can be configured apart.
    if (parsed.is_v6()) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return refused("bind");
    if (::listen(descriptor, backlog) != 0) return refused("listen on");
    std::shared_ptr<ListeningSocket> socket(new ListeningSocket(descriptor, parsed.is_v6()));
    tcp::endpoint bound;
    auto size = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(descriptor, bound.data(), &size) == 0) socket->port_ = bound.port();
    return socket;
}

ListeningSocket::~ListeningSocket() { ::close(descriptor_); }

struct Acceptor::State : std::enable_shared_from_this<State> {
    State(Executor loop, std::shared_ptr<ListeningSocket> from, SharedTls* certificates, Deadlines& times,
          const Clock& time, Log& to, ConnectionLimit& bound, Settings chosen, Accepted next)
        : executor(loop),
          listening(std::move(from)),
          acceptor(loop),
          pause(loop),
          tls(certificates),
          deadlines(times),
          clock(time),
          log(to),
          limit(bound),
          settings(chosen),
          accepted(std::move(next)) {}

    // A handshake under way: ends with its deadline.
    struct Pending final : Deadline {
        void expired(Moment) override {
            if (give_up) give_up();
        }
        std::function<void()> give_up;
    };

    void open() {
        const int copy = ::fcntl(listening->descriptor(), F_DUPFD_CLOEXEC, 0);
        CHECK(copy >= 0);
        acceptor.assign(listening->is_v6() ? tcp::v6() : tcp::v4(), copy);
        acceptor.non_blocking(true);
        wait();
    }

    void wait() {
        if (stopped) return;
        acceptor.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
            if (!error && !self->stopped) self->take();
        });
    }

    void take() {
        // Several for each wake-up: a fleet comes back at once. The handshakes are the work, so not too many.
        for (int i = 0; i < 16; ++i) {
            boost::system::error_code error;
            tcp::socket socket(executor);
            acceptor.accept(socket, error);
            if (error == asio::error::would_block || error == asio::error::try_again) break;
            if (error) {
                if (error == asio::error::connection_aborted || error == asio::error::interrupted) continue;
                // No descriptors left, say: they come back when connections end.
                log.warn("listener.accept_failed", {{"port", listening->port()}, {"reason", error.message()}});
                pause.expires_after(std::chrono::milliseconds(100));
                pause.async_wait([self = shared_from_this()](const boost::system::error_code& ended) {
                    if (!ended) self->wait();
                });
                return;
            }
            if (limit.open.load(std::memory_order_relaxed) >= limit.max) continue;  // closes it
            begin(std::move(socket));
        }
        wait();
    }

    void begin(tcp::socket socket) {
        auto pending = std::make_shared<Pending>();
        handshakes.insert(pending);
        deadlines.schedule(*pending, clock.monotonic() + settings.handshake);
        std::shared_ptr<const TlsContext> context = tls != nullptr ? tls->load() : nullptr;
        auto give_up = SocketTransport::accept(
            std::move(socket), std::move(context),
            [self = shared_from_this(), weak = std::weak_ptr<Pending>(pending)](std::unique_ptr<SocketTransport> transport) {
                if (const auto finished = weak.lock()) {
                    finished->cancel();
                    self->handshakes.erase(finished);
                }
                if (transport && !self->stopped) self->accepted(std::move(transport));
            });
        pending->give_up = std::move(give_up);
    }

    Executor executor;
    std::shared_ptr<ListeningSocket> listening;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    SharedTls* tls;
    Deadlines& deadlines;
    const Clock& clock;
    Log& log;
    ConnectionLimit& limit;
    Settings settings;
    Accepted accepted;
    std::unordered_set<std::shared_ptr<Pending>> handshakes;
    bool stopped = false;
};

Acceptor::Acceptor(Executor executor, std::shared_ptr<ListeningSocket> socket, SharedTls* tls, Deadlines& deadlines,
                   const Clock& clock, Log& log, ConnectionLimit& limit, Settings settings, Accepted accepted)
    : state_(std::make_shared<State>(std::move(executor), std::move(socket), tls, deadlines, clock, log, limit, settings,
                                     std::move(accepted))) {
    asio::post(state_->executor, [state = state_] { state->open(); });
}

Acceptor::~Acceptor() = default;

void Acceptor::stop() {
    state_->stopped = true;
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
    const auto handshakes = std::move(state_->handshakes);
    state_->handshakes.clear();
    for (const auto& pending : handshakes) {
        pending->cancel();
        if (pending->give_up) pending->give_up();
    }
}

}  // namespace twinhub::gateway
