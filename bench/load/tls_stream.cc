#include "tls_stream.h"

#include "base/result.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace twinhub::load {
namespace {

constexpr std::size_t read_bytes_max = 64UL * 1024;

sockaddr_in endpoint(std::uint32_t address, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_addr.s_addr = address;
    result.sin_port = htons(port);
    return result;
}

}  // namespace

TlsContext::TlsContext(Target target)
    : target_(std::move(target)), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);  // one read for a whole record, not one for its header too
    if (!target_.ca_file.empty()) {
        if (SSL_CTX_load_verify_locations(context, target_.ca_file.c_str(), nullptr) != 1) {
            std::fprintf(stderr, "twinhub_load: cannot read the CA file %s\n",
                         target_.ca_file.c_str());
            std::exit(2);
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    if (target_.resume) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, &TlsStream::keep_session);
    } else {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
}

SSL* TlsContext::make_client() const {
    SSL* const ssl = SSL_new(context_.get());
    CHECK(ssl != nullptr);
    SSL_set_connect_state(ssl);
    SSL_set_tlsext_host_name(ssl, target_.name.c_str());
    if (!target_.ca_file.empty()) SSL_set1_host(ssl, target_.name.c_str());
    return ssl;
}

TlsStream::~TlsStream() {
    close();
    SSL_SESSION_free(session_);
}

int TlsStream::keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* const stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
    SSL_SESSION_free(stream->session_);
    stream->session_ = session;
    return 1;  // the reference is ours now
}

void TlsStream::open(unsigned source) {
    CHECK(state_ == State::idle);
    const Target& target = tls_.target();
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) return fail("no more descriptors");
    const int yes = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (source != 0) {
        ::setsockopt(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        const sockaddr_in from = endpoint(htonl(INADDR_LOOPBACK + source), 0);
        if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
            return fail(std::strerror(errno));
    }
    in_addr address{};
    CHECK(inet_pton(AF_INET, target.address.c_str(), &address) == 1);
    const sockaddr_in to = endpoint(address.s_addr, target.port);
    state_ = State::connecting;
    wanted_ = EPOLLIN | EPOLLOUT;
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
        return fail(std::strerror(errno));
    }
    reactor_.add(descriptor_, wanted_, this);
    ssl_ = tls_.make_client();
    SSL_set_fd(ssl_, descriptor_);
    SSL_set_app_data(ssl_, this);
    if (session_ != nullptr) SSL_set_session(ssl_, session_);
}

void TlsStream::close() {
    if (ssl_ != nullptr) {
        // Marks the session as ended in order: OpenSSL forbids resuming one that broke off.
        SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(ssl_);
        ssl_ = nullptr;
    }
    if (descriptor_ >= 0) {
        ::close(descriptor_);  // leaves the epoll set by itself
        descriptor_ = -1;
    }
    input_ = {};
    output_ = {};
    state_ = State::idle;
}

void TlsStream::fail(std::string_view why) {
    close();
    closed(why);
}

void TlsStream::want(std::uint32_t events) {
    if (events == wanted_) return;
    wanted_ = events;
    reactor_.change(descriptor_, events, this);
}

void TlsStream::ready(std::uint32_t events) {
    if (state_ == State::connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) return fail(std::strerror(error));
        state_ = State::handshaking;
    }
    if (state_ == State::handshaking) handshake();
    if (state_ != State::open) return;
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
    if (state_ == State::open && !output_.empty()) flush();
}

void TlsStream::handshake() {
    ERR_clear_error();
    const int result = SSL_connect(ssl_);
    if (result == 1) {
        state_ = State::open;
        resumed_ = SSL_session_reused(ssl_) == 1;
        want(EPOLLIN);
        return opened();
    }
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ: return want(EPOLLIN);
        case SSL_ERROR_WANT_WRITE: return want(EPOLLIN | EPOLLOUT);
        default: {
            const char* const reason = ERR_reason_error_string(ERR_peek_error());
            return fail(reason != nullptr ? reason : "the handshake broke off");
        }
    }
}

void TlsStream::read() {
    static std::array<char, read_bytes_max> buffer;
    do {
        const int count = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
        if (count > 0) {
            take({buffer.data(), static_cast<std::size_t>(count)});
            continue;
        }
        const int error = SSL_get_error(ssl_, count);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
        ERR_clear_error();
        return fail("closed by the server");
    } while (state_ == State::open && SSL_has_pending(ssl_) == 1);
}

void TlsStream::take(std::string_view bytes) {
    if (input_.empty()) {
        const std::size_t used = received(bytes);
        if (state_ == State::open && used < bytes.size()) input_ = bytes.substr(used);
        return;
    }
    input_ += bytes;
    std::string held = std::move(input_);  // `received` may close the stream, which drops input_
    input_ = {};
    const std::size_t used = received(held);
    if (state_ == State::open && used < held.size()) input_ = held.substr(used);
}

void TlsStream::flush() {
    while (state_ == State::open && !output_.empty()) {
        const int count = SSL_write(ssl_, output_.data(), static_cast<int>(output_.size()));
        if (count > 0) {
            if (static_cast<std::size_t>(count) == output_.size()) {
                output_.clear();
            } else {
                output_.erase(0, static_cast<std::size_t>(count));
            }
            continue;
        }
        const int error = SSL_get_error(ssl_, count);
        if (error == SSL_ERROR_WANT_WRITE) return want(EPOLLIN | EPOLLOUT);
        if (error == SSL_ERROR_WANT_READ) return;
        ERR_clear_error();
        return fail("closed by the server while sending");
    }
    if (state_ == State::open) want(EPOLLIN);
}

}  // namespace twinhub::load
