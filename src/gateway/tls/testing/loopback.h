#pragma once

#include "gateway/tls/context.h"
#include "x509/testing/certificates.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The other end of a real loopback connection, turned by hand on the test's own thread.
namespace twinhub::gateway::testing {

namespace asio = boost::asio;
using x509::testing::Certificate;

// How the client's TLS is to be; plain when `tls` is false.
struct ClientWish {
    bool tls = false;
    int version = TLS1_3_VERSION;
    const Certificate* certificate = nullptr;
    const Certificate* intermediate = nullptr;
    SSL_SESSION* session = nullptr;  // to be resumed
};

class Client {
public:
    Client(std::uint16_t port, const ClientWish& wish)
        : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // So that a server that sends much has to wait.
        const int small = 16 * 1024;
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        CHECK(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
              0);
        if (!wish.tls) return;
        context_ = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context_, wish.version);
        SSL_CTX_set_max_proto_version(context_, wish.version);
        if (wish.certificate != nullptr) {
            SSL_CTX_use_certificate(context_, wish.certificate->get());
            SSL_CTX_use_PrivateKey(context_, wish.certificate->key());
        }
        if (wish.intermediate != nullptr)
            SSL_CTX_add1_chain_cert(context_, wish.intermediate->get());
        SSL_CTX_set_session_cache_mode(context_,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        ssl_ = SSL_new(context_);
        if (wish.session != nullptr) SSL_set_session(ssl_, wish.session);
        from_wire_ = BIO_new(BIO_s_mem());
        to_wire_ = BIO_new(BIO_s_mem());
        BIO_set_mem_eof_return(from_wire_, -1);
        SSL_set_bio(ssl_, from_wire_, to_wire_);
        SSL_set_connect_state(ssl_);
    }
    ~Client() {
        // Without it OpenSSL holds the session for a broken one, and would not resume it.
        if (ssl_ != nullptr) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Moves what can be moved; `read` false leaves the server's bytes in the socket.
    void turn(bool read = true) {
        std::vector<char> piece(64 * 1024);
        while (read && !ended && !reset) {
            const ssize_t count = ::recv(descriptor_, piece.data(), piece.size(), MSG_DONTWAIT);
            if (count < 0) {
                reset = errno == ECONNRESET;
                break;
            }
            if (count == 0) ended = true;
            const std::string_view bytes(piece.data(), static_cast<std::size_t>(count));
            wire.append(bytes);
            if (ssl_ != nullptr) BIO_write(from_wire_, piece.data(), static_cast<int>(count));
            else received.append(bytes);
        }
        if (ssl_ == nullptr) return send_out();
        ERR_clear_error();
        if (!SSL_is_init_finished(ssl_)) {
            failed = failed ||
                     (SSL_do_handshake(ssl_) != 1 && BIO_ctrl_pending(from_wire_) == 0 && ended);
        }
        while (SSL_is_init_finished(ssl_)) {
            const int count = SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
            if (count <= 0) {
                goodbye = goodbye || SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN;
                break;
            }
            received.append(piece.data(), static_cast<std::size_t>(count));
        }
        pull();
        send_out();
    }

    void send(std::string_view bytes) {
        if (ssl_ != nullptr)
            CHECK(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0);
        else out_ += bytes;
        turn(false);
    }
    void renew_keys() { CHECK(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) == 1); }
    void finish_sending() { ::shutdown(descriptor_, SHUT_WR); }
    void vanish() {
        const linger now{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        ::close(std::exchange(descriptor_, -1));
        reset = true;
    }
    bool is_connected() const { return ssl_ == nullptr || SSL_is_init_finished(ssl_); }
    bool resumed() const { return SSL_session_reused(ssl_) == 1; }
    SSL_SESSION* session() const { return SSL_get1_session(ssl_); }

    std::string wire;      // as it came
    std::string received;  // as it was meant
    bool ended = false;
    bool reset = false;
    bool goodbye = false;  // close_notify
    bool failed = false;

private:
    void pull() {
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(to_wire_, &bytes);
        out_.append(bytes, static_cast<std::size_t>(size));
        (void)BIO_reset(to_wire_);
    }
    void send_out() {
        if (ssl_ != nullptr) pull();
        while (!out_.empty() && descriptor_ >= 0) {
            const ssize_t count =
                ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count <= 0) return;
            out_.erase(0, static_cast<std::size_t>(count));
        }
    }

    int descriptor_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    BIO* from_wire_ = nullptr;
    BIO* to_wire_ = nullptr;
    std::string out_;
};

inline std::shared_ptr<const TlsContext> server_tls() {
    static const Certificate certificate({.common_names = {"localhost"}});
    return TlsContext::create({{certificate.pem(), certificate.key_pem()}}).value();
}

// Does `step` until `done`, at most for some seconds.
template <class Step, class Done>
[[nodiscard]] bool until(Step step, Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) return false;
        step();
    }
    return true;
}

}  // namespace twinhub::gateway::testing
