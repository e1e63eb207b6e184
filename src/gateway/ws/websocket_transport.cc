#include "gateway/ws/websocket_transport.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/buffers_iterator.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace twinhub::gateway {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using ErrorCode = boost::system::error_code;

// Above it nothing is read until the peer took it: whoever sends pings and never reads the answers
// would fill the memory, even before it said who it is.
constexpr std::size_t unsent_bytes_max = 64 * 1024;

// A Transport as the stream that Beast reads and writes. Writing never waits: the transport below
// keeps what the peer does not take yet.
class CarrierStream {
public:
    using executor_type = Executor;

    CarrierStream(std::unique_ptr<Transport> carrier, std::string early)
        : carrier_(std::move(carrier)), early_(std::move(early)) {}

    executor_type get_executor() const { return carrier_->executor(); }
    Transport& carrier() { return *carrier_; }
    const Transport& carrier() const { return *carrier_; }

    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        ErrorCode error;
        return write_some(buffers, error);
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, ErrorCode& error) {
        error = {};
        // In one piece: a frame's header alone would cost a TLS record of its own.
        std::string bytes(asio::buffers_begin(buffers), asio::buffers_end(buffers));
        carrier_->write(bytes);
        return bytes.size();
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        const std::size_t count = write_some(buffers);
        asio::post(get_executor(),
                   beast::bind_front_handler(std::forward<Handler>(handler), ErrorCode(), count));
    }

    // Beast asks for these to exist; nothing here reads without waiting first.
    template <class Buffers>
    std::size_t read_some(const Buffers&) {
        return 0;
    }
    template <class Buffers>
    std::size_t read_some(const Buffers&, ErrorCode& error) {
        error = asio::error::would_block;
        return 0;
    }

    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
        if (!early_.empty()) {
            const std::size_t count = asio::buffer_copy(buffers, asio::buffer(early_));
            early_.erase(0, count);
            asio::post(get_executor(), beast::bind_front_handler(std::forward<Handler>(handler),
                                                                 ErrorCode(), count));
            return;
        }
        if (carrier_->unsent() > unsent_bytes_max)
            return carrier_->wait_sent(
                [this, buffers,
                 handler = std::decay_t<Handler>(std::forward<Handler>(handler))]() mutable {
                    async_read_some(buffers, std::move(handler));
                });
        carrier_->wait_readable(
            [this, buffers,
             handler = std::decay_t<Handler>(std::forward<Handler>(handler))]() mutable {
                const asio::mutable_buffer first = *asio::buffer_sequence_begin(buffers);
                const auto count =
                    carrier_->read_some({static_cast<std::byte*>(first.data()), first.size()});
                if (count && *count == 0) return async_read_some(buffers, std::move(handler));
                handler(count ? ErrorCode() : ErrorCode(asio::error::eof), count.value_or(0));
            });
    }

private:
    std::unique_ptr<Transport> carrier_;
    std::string early_;
};

template <class Handler>
void async_teardown(beast::role_type, CarrierStream& stream, Handler&& handler) {
    stream.carrier().close();
    asio::post(stream.get_executor(),
               beast::bind_front_handler(std::forward<Handler>(handler), ErrorCode()));
}

// Beast calls this when its own timers run out; they are off, but the name must exist.
void beast_close_socket(CarrierStream& stream) { stream.carrier().close(); }

class WebSocketTransport final : public Transport {
public:
    WebSocketTransport(std::unique_ptr<Transport> carrier, std::string early)
        : stream_(std::move(carrier), std::move(early)) {
        stream_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                           websocket::stream_base::none(),
                                                           false});  // the door has deadlines
        stream_.auto_fragment(false);
        stream_.read_message_max(websocket_message_bytes_max);
        stream_.binary(true);
    }

    bool accept(const WebSocketHandshake& handshake) {
        namespace http = beast::http;
        http::request<http::empty_body> request(http::verb::get, handshake.target, 11);
        request.set(http::field::host, handshake.host);
        request.set(http::field::connection, "Upgrade");
        request.set(http::field::upgrade, "websocket");
        request.set(http::field::sec_websocket_version, "13");
        request.set(http::field::sec_websocket_key, handshake.key);
        stream_.set_option(
            websocket::stream_base::decorator([&](websocket::response_type& response) {
                response.set(http::field::sec_websocket_protocol, handshake.protocol);
            }));
        ErrorCode error;
        stream_.accept(request, error);
        stream_.set_option(websocket::stream_base::decorator([](websocket::response_type&) {}));
        return !error;
    }

    Executor executor() const override { return carrier().executor(); }

    void wait_readable(Ready ready) override {
        ready_ = std::move(ready);
        if (has_news())
            asio::post(executor(), [this, alive = std::weak_ptr(alive_)] {
                if (!alive.expired()) fire();
            });
        else if (!reading_) read_more();
    }

    Result<std::size_t> read_some(std::span<std::byte> into) override {
        if (read_begin_ < read_end_) {
            const std::size_t count = std::min(into.size(), read_end_ - read_begin_);
            std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(read_begin_), count,
                        into.begin());
            read_begin_ += count;
            return count;
        }
        if (ended_) return failure(Code::unavailable, "The WebSocket has ended");
        return 0;
    }

    void write(std::string_view bytes) override {
        if (ended_ || bytes.empty()) return;
        ErrorCode error;
        stream_.write(asio::buffer(bytes.data(), bytes.size()), error);
        if (error) ended_ = true;
    }

    std::size_t unsent() const override { return carrier().unsent(); }
    void wait_sent(Ready ready) override { carrier().wait_sent(std::move(ready)); }

    void close() override {
        if (!ended_) carrier().write("\x88\x02\x03\xe8");  // a close frame: 1000, normal closure
        ended_ = true;
        carrier().close();
        if (ready_ && !reading_)
            asio::post(executor(), [this, alive = std::weak_ptr(alive_)] {
                if (!alive.expired()) fire();
            });
    }

    const Peer& peer() const override { return carrier().peer(); }
    bool is_websocket() const override { return true; }
    X509* certificate() const override { return carrier().certificate(); }
    STACK_OF_X509* certificate_chain() const override { return carrier().certificate_chain(); }
    void move_to(Executor executor) override { carrier().move_to(std::move(executor)); }

private:
    Transport& carrier() { return stream_.next_layer().carrier(); }
    const Transport& carrier() const { return stream_.next_layer().carrier(); }
    bool has_news() const { return ended_ || read_begin_ < read_end_; }

    void fire() {
        if (Ready ready = std::exchange(ready_, nullptr)) ready();  // may destroy this
    }

    void read_more() {
        reading_ = true;
        read_begin_ = read_end_ = 0;
        stream_.async_read_some(asio::buffer(buffer_), [this, alive = std::weak_ptr(alive_)](
                                                           ErrorCode error, std::size_t count) {
            if (alive.expired()) return;
            reading_ = false;
            read_end_ = count;
            if (error || (count > 0 && !stream_.got_binary())) {
                ended_ = true;
                read_end_ = 0;
            }
            if (has_news()) fire();
            else read_more();  // the end of an empty message
        });
    }

    websocket::stream<CarrierStream> stream_;
    std::array<std::byte, 1024> buffer_;  // of the message being read; MQTT packets are small
    std::size_t read_begin_ = 0;
    std::size_t read_end_ = 0;
    Ready ready_;
    bool reading_ = false;
    bool ended_ = false;
    std::shared_ptr<bool> alive_ =
        std::make_shared<bool>(true);  // what is posted may come after the end
};

}  // namespace

std::unique_ptr<Transport> accept_websocket(std::unique_ptr<Transport> carrier,
                                            const WebSocketHandshake& handshake) {
    auto socket = std::make_unique<WebSocketTransport>(std::move(carrier), handshake.early);
    if (!socket->accept(handshake)) socket->close();
    return socket;
}

}  // namespace twinhub::gateway
