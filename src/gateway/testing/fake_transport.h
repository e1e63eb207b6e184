#pragma once

#include "gateway/transport.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub::gateway {

// The other side of a FakeTransport: what a test sends, and what it got. Outlives the transport.
struct FakePeer {
    std::deque<std::string> sent;  // pieces on the way to the server; each is read alone
    std::string received;          // all that the server wrote
    bool hung_up = false;          // by the test
    bool closed = false;           // by the server
    bool gone = false;             // the transport was destroyed
    bool takes = true;             // false: the server's bytes stay unsent
    std::size_t unsent = 0;
    std::size_t writes = 0;
    X509* certificate = nullptr;  // shown in the handshake that there was not
    STACK_OF_X509* chain = nullptr;
    Transport::Ready on_readable;
    Transport::Ready on_sent;
    Executor executor;

    void send(std::string_view bytes) {
        sent.emplace_back(bytes);
        wake();
    }
    // In pieces of `size` bytes.
    void send_split(std::string_view bytes, std::size_t size) {
        for (std::size_t at = 0; at < bytes.size(); at += size)
            sent.emplace_back(bytes.substr(at, size));
        wake();
    }
    void hang_up() {
        hung_up = true;
        wake();
    }
    void take_all() {
        takes = true;
        unsent = 0;
        if (on_sent) asio::post(executor, std::exchange(on_sent, nullptr));
    }
    void wake() {
        if (on_readable && (!sent.empty() || hung_up || closed))
            asio::post(executor, std::exchange(on_readable, nullptr));
    }
};

// A connection in memory.
class FakeTransport final : public Transport {
public:
    FakeTransport(Executor executor, std::shared_ptr<FakePeer> other) : other_(std::move(other)) {
        other_->executor = std::move(executor);
        peer_.address = "192.0.2.7";
    }
    ~FakeTransport() override {
        other_->gone = true;
        other_->on_readable = nullptr;
        other_->on_sent = nullptr;
    }

    Executor executor() const override { return other_->executor; }
    void wait_readable(Ready ready) override {
        other_->on_readable = std::move(ready);
        other_->wake();
    }
    Result<std::size_t> read_some(std::span<std::byte> into) override {
        if (other_->closed) return failure(Code::unavailable, "closed");
        if (other_->sent.empty()) {
            if (other_->hung_up) return failure(Code::unavailable, "gone");
            return 0;
        }
        std::string& piece = other_->sent.front();
        const std::size_t count = std::min(piece.size(), into.size());
        std::memcpy(into.data(), piece.data(), count);
        piece.erase(0, count);
        if (piece.empty()) other_->sent.pop_front();
        return count;
    }
    void write(std::string_view bytes) override {
        if (other_->closed) return;
        ++other_->writes;
        other_->received += bytes;
        if (!other_->takes) other_->unsent += bytes.size();
    }
    std::size_t unsent() const override { return other_->unsent; }
    void wait_sent(Ready ready) override {
        if (other_->unsent == 0 || other_->closed) asio::post(other_->executor, std::move(ready));
        else other_->on_sent = std::move(ready);
    }
    void close() override {
        other_->closed = true;
        other_->wake();
        if (other_->on_sent) asio::post(other_->executor, std::exchange(other_->on_sent, nullptr));
    }
    const Peer& peer() const override { return peer_; }
    X509* certificate() const override { return other_->certificate; }
    STACK_OF_X509* certificate_chain() const override { return other_->chain; }
    void move_to(Executor executor) override { other_->executor = std::move(executor); }

private:
    std::shared_ptr<FakePeer> other_;
    Peer peer_;
};

}  // namespace twinhub::gateway
