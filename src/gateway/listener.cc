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

namespace {

// Several for each wake-up: a fleet comes back at once. The handshakes are the work, so not too
// many.
constexpr int accepts_per_turn = 16;

// What peers can bring about is told so often at most.
constexpr std::chrono::seconds tell_again_after{10};

}  // namespace

Result<std::shared_ptr<ListeningSocket>> ListeningSocket::open(const std::string& address,
                                                               std::uint16_t port, int backlog) {
    const std::string name = address + " port " + std::to_string(port);
    boost::system::error_code error;
    const auto parsed = asio::ip::make_address(address, error);
    if (error)
        return failure(Code::argument_invalid,
                       "'" + address + "' is not an IP address to listen on");
    const tcp::endpoint endpoint(parsed, port);
    const int descriptor =
        ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const auto refused = [&](const char* what) {
        const int why = errno;
        if (descriptor >= 0) ::close(descriptor);
        return failure(
            Code::unavailable,
            std::string("Cannot ") + what + " " + name + ": " + std::strerror(why) +
                (why == EACCES ? " (ports below 1024 need CAP_NET_BIND_SERVICE or root)" : ""));
    };
    if (descriptor < 0) return refused("open a socket for");
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // IPv4 has a listener of its own, so that both can be configured apart.
    if (parsed.is_v6()) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0)
        return refused("bind");
    if (::listen(descriptor, backlog) != 0) return refused("listen on");
    std::shared_ptr<ListeningSocket> socket(new ListeningSocket(descriptor, parsed.is_v6()));
    tcp::endpoint bound;
    auto size = static_cast<socklen_t>(bound.capacity());
    if (::getsockname(descriptor, bound.data(), &size) == 0) socket->port_ = bound.port();
    return socket;
}

ListeningSocket::~ListeningSocket() { ::close(descriptor_); }

struct Acceptor::State : std::enable_shared_from_this<State> {
    State(Executor loop, std::shared_ptr<ListeningSocket> from, SharedTls* certificates,
          Deadlines& times, const Clock& time, Log& to, ConnectionLimit& bound,
          ListenerMetrics& counters, Settings chosen, Accepted next)
        : executor(loop),
          listening(std::move(from)),
          acceptor(loop),
          pause(loop),
          tls(certificates),
          deadlines(times),
          clock(time),
          log(to),
          limit(bound),
          metrics(counters),
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
        if (stopped) return;
        const int copy = ::fcntl(listening->descriptor(), F_DUPFD_CLOEXEC, 0);
        CHECK(copy >= 0);
        acceptor.assign(listening->is_v6() ? tcp::v6() : tcp::v4(), copy);
        acceptor.non_blocking(true);
        wait();
    }

    void wait() {
        if (stopped) return;
        acceptor.async_wait(tcp::acceptor::wait_read,
                            [self = shared_from_this()](const boost::system::error_code& error) {
                                if (!error && !self->stopped) self->take();
                            });
    }

    void take() {
        for (int i = 0; i < accepts_per_turn; ++i) {
            boost::system::error_code error;
            tcp::socket socket(executor);
            acceptor.accept(socket, error);
            if (error == asio::error::would_block || error == asio::error::try_again) break;
            // The peer is gone already.
            if (error == asio::error::connection_aborted || error == asio::error::interrupted)
                continue;
            if (error) return rest(error);
            auto place = limit.take();
            if (!place) {
                // Closed without a word: a handshake would cost more than the answer is worth.
                metrics.refused.Increment();
                if (may_tell())
                    log.warn("listener.full",
                             {{"port", listening->port()}, {"open", limit.open()}});
                continue;
            }
            metrics.accepted.Increment();
            begin(std::move(socket), std::move(*place));
        }
        wait();
    }

    // No descriptors left, say: they come back when connections end.
    void rest(const boost::system::error_code& error) {
        metrics.accept_failures.Increment();
        if (may_tell())
            log.warn("listener.accept_failed",
                     {{"port", listening->port()}, {"reason", error.message()}});
        pause.expires_after(std::chrono::milliseconds(100));
        pause.async_wait([self = shared_from_this()](const boost::system::error_code& ended) {
            if (!ended) self->wait();
        });
    }

    bool may_tell() {
        const Moment now = clock.monotonic();
        if (now < tell_from) return false;
        tell_from = now + tell_again_after;
        return true;
    }

    void begin(tcp::socket socket, ConnectionLimit::Place place) {
        auto pending = std::make_shared<Pending>();
        handshakes.insert(pending);
        deadlines.schedule(*pending, clock.monotonic() + settings.handshake);
        std::shared_ptr<const TlsContext> context = tls != nullptr ? tls->load() : nullptr;
        auto give_up = SocketTransport::accept(
            std::move(socket), std::move(context), std::move(place),
            [self = shared_from_this(),
             weak = std::weak_ptr<Pending>(pending)](std::unique_ptr<SocketTransport> transport) {
                if (const auto finished = weak.lock()) {
                    finished->cancel();
                    self->handshakes.erase(finished);
                }
                if (!transport) self->metrics.handshakes_failed.Increment();
                else if (!self->stopped) self->accepted(std::move(transport));
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
    ListenerMetrics& metrics;
    Settings settings;
    Accepted accepted;
    std::unordered_set<std::shared_ptr<Pending>> handshakes;
    Moment tell_from{};
    bool stopped = false;
};

Acceptor::Acceptor(Executor executor, std::shared_ptr<ListeningSocket> socket, SharedTls* tls,
                   Deadlines& deadlines, const Clock& clock, Log& log, ConnectionLimit& limit,
                   ListenerMetrics& metrics, Settings settings, Accepted accepted)
    : state_(std::make_shared<State>(std::move(executor), std::move(socket), tls, deadlines, clock,
                                     log, limit, metrics, settings, std::move(accepted))) {
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
