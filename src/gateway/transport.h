#pragma once

#include "base/result.h"
#include "base/task.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

typedef struct x509_st X509;
typedef struct stack_st_X509 STACK_OF_X509;

namespace twinhub::gateway {

// What a connection knows of the other side without asking any protocol.
struct Peer {
    std::string address;  // numeric, without port
    bool encrypted = false;
    std::uint8_t tls = 0;          // 12 for TLS 1.2, 13 for TLS 1.3
    bool has_certificate = false;  // presented, and possession of its key proved by the handshake
};

// One accepted connection: bytes both ways on one loop, whatever carries them (TLS, plain behind a
// proxy, WebSocket). It holds no read buffer: an idle connection costs what its cipher state costs.
// All calls on the loop of executor().
class Transport {
public:
    using Ready = std::move_only_function<void()>;

    virtual ~Transport() = default;
    virtual Executor executor() const = 0;

    // Calls `ready` once, later and on the loop, when read_some has news: bytes, the end or a
    // failure. close() also fires it. One wait at a time: a later one replaces it, and may then be
    // called without any news.
    virtual void wait_readable(Ready ready) = 0;

    // Bytes that are there now; 0 = none yet. Errors: unavailable when the peer is gone or close()
    // was called.
    virtual Result<std::size_t> read_some(std::span<std::byte> into) = 0;

    // Sends at once what the peer takes and keeps the rest in order. A failure shows at the next
    // read.
    virtual void write(std::string_view bytes) = 0;

    // What write() still holds: callers bound it by not reading (or closing) while it is large.
    virtual std::size_t unsent() const = 0;

    // Calls `ready` once, later and on the loop, when nothing is unsent any more, or on failure.
    // One at a time.
    virtual void wait_sent(Ready ready) = 0;

    // Says goodbye as the protocol does (close_notify, close frame) without waiting, and closes.
    virtual void close() = 0;

    virtual const Peer& peer() const = 0;
    virtual bool is_websocket() const { return false; }
    // The certificate that the peer presented (leaf first), or nullptr. Valid as long as the
    // transport.
    virtual X509* certificate() const = 0;
    virtual STACK_OF_X509* certificate_chain() const = 0;

    // Carries on on another loop. Nothing may be waiting; the caller goes on there.
    virtual void move_to(Executor executor) = 0;
};

}  // namespace twinhub::gateway
