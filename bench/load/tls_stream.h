#pragma once

#include "reactor.h"

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::load {

// Where to connect, and how far to trust it.
struct Target {
    std::string address = "127.0.0.1";  // IPv4
    std::uint16_t port = 0;
    std::string name = "localhost";  // sent as SNI, and checked when a CA is given
    std::string ca_file;             // empty: any certificate is accepted
    bool resume = false;             // keep the session of each stream for its next connect
};

// The client side of OpenSSL for one target.
class TlsContext {
public:
    explicit TlsContext(Target target);  // ends the program when the CA cannot be read
    const Target& target() const { return target_; }
    SSL* make_client() const;

private:
    Target target_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

// A TCP connection with TLS on top: a non-blocking socket, one SSL object, one pending output.
// May be opened again after it has closed, but not within the same turn of the reactor.
class TlsStream : public Pollable {
public:
    TlsStream(Reactor& reactor, const TlsContext& tls) : reactor_(reactor), tls_(tls) {}
    ~TlsStream() override;
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    // `source` picks the loopback source address 127.0.0.(1 + source), for when ports run out.
    void open(unsigned source = 0);
    bool is_open() const { return state_ == State::open; }
    bool was_resumed() const { return resumed_; }
    void close();  // at once; `closed` is not called

    std::string& output() { return output_; }  // append here, then flush
    void flush();

    void ready(std::uint32_t events) final;

protected:
    virtual void opened() = 0;
    // Returns how many of the bytes were used; the rest comes again in front of the next ones.
    virtual std::size_t received(std::string_view bytes) = 0;
    virtual void closed(std::string_view why) = 0;

private:
    enum class State : std::uint8_t { idle, connecting, handshaking, open };

    void handshake();
    void read();
    void take(std::string_view bytes);
    void want(std::uint32_t events);
    void fail(std::string_view why);
    static int keep_session(SSL* ssl, SSL_SESSION* session);
    friend class TlsContext;

    Reactor& reactor_;
    const TlsContext& tls_;
    int descriptor_ = -1;
    SSL* ssl_ = nullptr;
    SSL_SESSION* session_ = nullptr;
    std::string input_;
    std::string output_;
    std::uint32_t wanted_ = 0;
    State state_ = State::idle;
    bool resumed_ = false;
};

}  // namespace twinhub::load
