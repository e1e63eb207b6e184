#include "gateway/tls/socket_transport.h"

#include "gateway/tls/crowd_lane.h"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace twinhub::gateway {

using tcp = asio::ip::tcp;

// Shared with the waits that are under way, so that they outlive the transport harmlessly. Touched
// on the loop of its socket only: whoever moves to another loop gets a new one (move_to).
struct SocketTransport::Impl : std::enable_shared_from_this<Impl> {
    Impl(tcp::socket accepted, std::shared_ptr<const TlsContext> tls, ConnectionLimit::Place taken)
        : socket(std::move(accepted)), context(std::move(tls)), place(std::move(taken)) {}
    ~Impl() {
        SSL_free(ssl);
        X509_free(certificate);
    }

    void start_tls();
    void queue_handshake(Done done);
    void shake_hands(Done done);
    void flush();
    void send_tickets();
    void send(std::string_view bytes);
    void want_write();
    void fire_readable();
    void fire_sent();
    void break_off();
    Result<std::size_t> gone_in_turn();
    void throw_away_unread();
    void end();
    bool is_sent() const { return unsent.empty() || broken || closed; }

    static BIO_METHOD* method();
    static int bio_read(BIO* bio, char* into, int size);
    static int bio_write(BIO* bio, const char* from, int size);
    static long bio_control(BIO*, int command, long, void*);

    tcp::socket socket;
    std::shared_ptr<const TlsContext> context;
    ConnectionLimit::Place place;
    SSL* ssl = nullptr;
    X509* certificate = nullptr;
    Peer peer;
    std::string tickets;  // sealed; they go out with the first answer
    std::string unsent;   // sealed bytes that the socket did not take
    Ready readable;
    Ready sent;
    bool waiting_read = false;
    bool waiting_write = false;
    bool drained = false;  // OpenSSL holds nothing more: only the socket has news
    bool emptied = false;  // the last read took all there was: the next need not ask the socket
    bool ended = false;    // the peer said that it sends nothing more; it may still read
    bool broken = false;
    bool closed = false;
    // That the peer is gone is told in turn: many may have left at once.
    enum class Told : std::uint8_t { nothing, soon, gone } told = Told::nothing;
};

namespace {

// What OpenSSL writes in one call gathers here and goes out in one send: a server flight, or all
// records of one write. One for each thread; empty between calls.
thread_local std::string sealed;

constexpr std::size_t sealed_capacity_max = 256 * 1024;

// So much that came too late is read before a socket closes.
constexpr std::size_t thrown_away_bytes_max = 256 * 1024;

// May destroy whoever waited, and set a new wait.
void call(Transport::Ready& ready) {
    if (Transport::Ready now = std::exchange(ready, nullptr)) now();
}

std::unexpected<Error> gone() {
    return failure(Code::unavailable, "The peer closed the connection");
}

}  // namespace

BIO_METHOD* SocketTransport::Impl::method() {
    static BIO_METHOD* const shared = [] {
        BIO_METHOD* made =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "twinhub socket");
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return shared;
}

int SocketTransport::Impl::bio_read(BIO* bio, char* into, int size) {
    auto* impl = static_cast<Impl*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t count =
        ::recv(impl->socket.native_handle(), into, static_cast<std::size_t>(size), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_retry_read(bio);
    return static_cast<int>(count);
}

int SocketTransport::Impl::bio_write(BIO*, const char* from, int size) {
    sealed.append(from, static_cast<std::size_t>(size));
    return size;
}

long SocketTransport::Impl::bio_control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

void SocketTransport::Impl::start_tls() {
    ssl = SSL_new(context->get());
    CHECK(ssl != nullptr);
    BIO* bio = BIO_new(method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
}

// Sends what OpenSSL sealed; the rest waits for the socket.
void SocketTransport::Impl::flush() {
    if (sealed.empty()) return;
    if (!tickets.empty()) {
        sealed.insert(0, tickets);
        std::string().swap(tickets);
    }
    send(sealed);
    sealed.clear();
    if (sealed.capacity() > sealed_capacity_max) sealed.shrink_to_fit();
}

// Before somebody waits for the peer: there may be no answer for long.
void SocketTransport::Impl::send_tickets() {
    if (tickets.empty()) return;
    send(tickets);
    std::string().swap(tickets);
}

void SocketTransport::Impl::send(std::string_view bytes) {
    if (broken || closed) return;
    if (unsent.empty()) {
        while (!bytes.empty()) {
            const ssize_t count =
                ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count >= 0) {
                bytes.remove_prefix(static_cast<std::size_t>(count));
            } else if (errno != EINTR) {
                if (errno != EAGAIN && errno != EWOULDBLOCK) return break_off();
                break;
            }
        }
        if (bytes.empty()) return;
    }
    unsent.append(bytes);
    want_write();
}

void SocketTransport::Impl::want_write() {
    if (waiting_write || closed) return;
    waiting_write = true;
    socket.async_wait(tcp::socket::wait_write,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                          self->waiting_write = false;
                          // Closed meanwhile, or gone to another loop with all that was unsent.
                          if (error == asio::error::operation_aborted || self->closed) return;
                          if (error) return self->break_off();
                          std::string rest;
                          rest.swap(self->unsent);
                          self->send(rest);
                          if (self->is_sent()) self->fire_sent();
                      });
}

// The other side is gone: reads say so, and nobody waits in vain.
void SocketTransport::Impl::break_off() {
    broken = true;
    std::string().swap(unsent);
    fire_readable();
    fire_sent();
}

// Nothing to read for now; the reader is called once more, and then hears it.
Result<std::size_t> SocketTransport::Impl::gone_in_turn() {
    if (told == Told::gone) return gone();
    if (told == Told::nothing) {
        told = Told::soon;
        CrowdLane::add(socket.get_executor(), CrowdLane::Cost::end, [self = shared_from_this()] {
            self->told = Told::gone;
            call(self->readable);
        });
    }
    return std::size_t{0};
}

// From the loop's queue, because the caller may be in the middle of something. The callback stays
// here until then: a transport that is destroyed meanwhile calls nobody.
void SocketTransport::Impl::fire_readable() {
    if (readable)
        asio::post(socket.get_executor(), [self = shared_from_this()] { call(self->readable); });
}

void SocketTransport::Impl::fire_sent() {
    if (!sent) return;
    asio::post(socket.get_executor(), [self = shared_from_this()] {
        if (self->is_sent()) call(self->sent);
    });
}

// A socket that closes on unread bytes is reset, and the peer may lose our last words.
void SocketTransport::Impl::throw_away_unread() {
    std::array<char, 8192> scratch;
    std::size_t thrown_away = 0;
    while (thrown_away < thrown_away_bytes_max) {
        const ssize_t count =
            ::recv(socket.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
        if (count <= 0) return;
        thrown_away += static_cast<std::size_t>(count);
    }
}

void SocketTransport::Impl::end() {
    if (closed) return;
    if (!broken) {
        if (ssl != nullptr && SSL_is_init_finished(ssl)) {
            SSL_shutdown(ssl);
            flush();
        }
        throw_away_unread();
    }
    ERR_clear_error();
    closed = true;
    std::string().swap(unsent);
    boost::system::error_code ignored;
    socket.close(ignored);
    place.give_back();
    fire_readable();
    fire_sent();
}

void SocketTransport::Impl::queue_handshake(Done done) {
    CrowdLane::add(socket.get_executor(), CrowdLane::Cost::handshake,
                   [self = shared_from_this(), next = std::move(done)]() mutable {
                       if (self->closed) return next(nullptr);  // it took too long
                       self->shake_hands(std::move(next));
                   });
}

void SocketTransport::Impl::shake_hands(Done done) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    const int why = SSL_get_error(ssl, result);
    // Of TLS 1.3 the last that the server says is tickets for later sessions, and most clients have
    // sent their first request by now: a send of their own would be a waste.
    if (result == 1 && SSL_version(ssl) == TLS1_3_VERSION) {
        tickets.assign(sealed);
        sealed.clear();
    } else {
        flush();
    }
    if (result == 1) {
        certificate = SSL_get1_peer_certificate(ssl);
        peer.has_certificate = certificate != nullptr;
        peer.encrypted = true;
        const int version = SSL_version(ssl);
        if (version == TLS1_3_VERSION) peer.tls = 13;
        else if (version == TLS1_2_VERSION) peer.tls = 12;
        // The session stays, though the client has it in its ticket and it costs memory while the
        // connection is idle: a connection without one sends its records unsealed.
        return done(std::unique_ptr<SocketTransport>(new SocketTransport(shared_from_this())));
    }
    if (why != SSL_ERROR_WANT_READ || broken) {
        ERR_clear_error();
        end();
        return done(nullptr);
    }
    socket.async_wait(tcp::socket::wait_read, [self = shared_from_this(), next = std::move(done)](
                                                  const boost::system::error_code& error) mutable {
        if (error || self->closed) {
            self->end();
            return next(nullptr);
        }
        self->queue_handshake(std::move(next));
    });
}

std::function<void()> SocketTransport::accept(tcp::socket socket,
                                              std::shared_ptr<const TlsContext> context,
                                              ConnectionLimit::Place place, Done done) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.non_blocking(true, ignored);
    const auto remote = socket.remote_endpoint(ignored);
    auto impl = std::make_shared<Impl>(std::move(socket), std::move(context), std::move(place));
    // Mapped addresses are shown as what they are.
    const auto address = remote.address();
    impl->peer.address =
        address.is_v6() && address.to_v6().is_v4_mapped()
            ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string()
            : address.to_string();
    std::function<void()> give_up = [weak = std::weak_ptr<Impl>(impl)] {
        if (const auto alive = weak.lock();
            alive && alive->ssl != nullptr && !SSL_is_init_finished(alive->ssl))
            alive->end();
    };
    if (impl->context) {
        impl->start_tls();
        // Most clients have sent their hello by now: there is no need to wait for it.
        impl->queue_handshake(std::move(done));
    } else {
        done(std::unique_ptr<SocketTransport>(new SocketTransport(std::move(impl))));
    }
    return give_up;
}

SocketTransport::SocketTransport(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

SocketTransport::~SocketTransport() {
    impl_->readable = nullptr;
    impl_->sent = nullptr;
    impl_->end();
}

Executor SocketTransport::executor() const { return impl_->socket.get_executor(); }

void SocketTransport::wait_readable(Ready ready) {
    impl_->send_tickets();
    impl_->readable = std::move(ready);
    impl_->emptied = false;
    if (impl_->told == Impl::Told::soon) return;
    const bool inside = impl_->ssl != nullptr && !impl_->drained;
    if (inside || impl_->ended || impl_->broken || impl_->closed) return impl_->fire_readable();
    if (impl_->waiting_read) return;
    impl_->waiting_read = true;
    impl_->socket.async_wait(tcp::socket::wait_read,
                             [impl = impl_](const boost::system::error_code& error) {
                                 impl->waiting_read = false;
                                 if (error == asio::error::operation_aborted || impl->closed)
                                     return;
                                 if (error) impl->broken = true;
                                 // On the loop already: no detour through its queue.
                                 call(impl->readable);
                             });
}

Result<std::size_t> SocketTransport::read_some(std::span<std::byte> into) {
    Impl& impl = *impl_;
    if (impl.closed) return gone();
    if (impl.broken || impl.ended) return impl.gone_in_turn();
    if (std::exchange(impl.emptied, false)) return std::size_t{0};
    if (impl.ssl == nullptr) {
        const ssize_t count = ::recv(impl.socket.native_handle(), into.data(), into.size(), 0);
        if (count > 0) {
            impl.emptied = static_cast<std::size_t>(count) < into.size();
            return static_cast<std::size_t>(count);
        }
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return std::size_t{0};
        // Zero: it sends no more, but may well read what it still gets.
        if (count == 0) impl.ended = true;
        else impl.broken = true;
        return impl.gone_in_turn();
    }
    ERR_clear_error();
    const int count = SSL_read(impl.ssl, into.data(),
                               static_cast<int>(std::min<std::size_t>(into.size(), 1 << 30)));
    impl.flush();  // a key update asks for an answer
    if (count > 0) {
        // Reading ahead took what the socket had, so that asking it again would be a wasted call.
        impl.drained = impl.emptied = SSL_has_pending(impl.ssl) == 0;
        return static_cast<std::size_t>(count);
    }
    const int why = SSL_get_error(impl.ssl, count);
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ && !impl.broken) {
        impl.drained = true;
        return std::size_t{0};
    }
    if (why == SSL_ERROR_ZERO_RETURN) impl.ended = true;
    else impl.broken = true;  // no close_notify to such a peer
    return impl.gone_in_turn();
}

void SocketTransport::write(std::string_view bytes) {
    Impl& impl = *impl_;
    if (impl.closed || impl.broken || bytes.empty()) return;
    if (impl.ssl == nullptr) return impl.send(bytes);
    ERR_clear_error();
    while (!bytes.empty()) {
        const int count = SSL_write(impl.ssl, bytes.data(),
                                    static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 30)));
        if (count <= 0) {
            // Our BIO takes everything and renegotiation is off: nothing is left but a broken
            // session.
            ERR_clear_error();
            sealed.clear();
            return impl.break_off();
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    impl.flush();
}

std::size_t SocketTransport::unsent() const { return impl_->unsent.size(); }

void SocketTransport::wait_sent(Ready ready) {
    impl_->send_tickets();
    impl_->sent = std::move(ready);
    if (impl_->is_sent()) impl_->fire_sent();
}

void SocketTransport::close() { impl_->end(); }

const Peer& SocketTransport::peer() const { return impl_->peer; }

X509* SocketTransport::certificate() const { return impl_->certificate; }

STACK_OF_X509* SocketTransport::certificate_chain() const {
    return impl_->ssl == nullptr
               ? nullptr
               : reinterpret_cast<STACK_OF_X509*>(SSL_get_peer_cert_chain(impl_->ssl));
}

// With a new Impl: a wait of the old loop may be done already and about to run there, where it must
// find something that no other thread touches.
void SocketTransport::move_to(Executor executor) {
    Impl& old = *impl_;
    if (old.closed || executor == old.socket.get_executor()) return;
    auto next =
        std::make_shared<Impl>(tcp::socket(executor), std::move(old.context), std::move(old.place));
    boost::system::error_code error;
    const auto protocol = old.socket.local_endpoint(error).protocol();
    const int descriptor = old.socket.release(error);
    next->socket.assign(protocol, descriptor, error);
    if (error) ::close(descriptor);  // the system has no room to watch it
    next->broken = old.broken || error;
    next->ssl = std::exchange(old.ssl, nullptr);
    if (next->ssl != nullptr) BIO_set_data(SSL_get_rbio(next->ssl), next.get());
    next->certificate = std::exchange(old.certificate, nullptr);
    next->peer = std::move(old.peer);
    next->tickets = std::move(old.tickets);
    next->unsent = std::move(old.unsent);
    next->readable = std::exchange(old.readable, nullptr);
    next->sent = std::exchange(old.sent, nullptr);
    next->drained = old.drained;
    next->emptied = old.emptied;
    next->ended = old.ended;
    next->told = old.told == Impl::Told::nothing ? Impl::Told::nothing : Impl::Told::gone;
    old.closed = true;
    impl_ = next;
    asio::post(executor, [next] {
        next->fire_readable();
        if (!next->is_sent()) next->want_write();
        else next->fire_sent();
    });
}

}  // namespace twinhub::gateway
