#include "apps/client/web_socket_client.h"

#include "gateway/tls/client_parts.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <fmt/format.h>

namespace twinhub::apps {
namespace {

namespace websocket = boost::beast::websocket;
constexpr auto completion = asio::as_tuple(asio::use_awaitable);
constexpr const char* device_path = "/$iothub/websocket";

}  // namespace

struct WebSocketClient::Stream {
    Stream(Executor executor, gateway::ClientTrust trust, std::string wanted)
        : parts(std::move(executor), std::move(trust)),
          socket(parts.tls),
          subprotocol(std::move(wanted)) {
        socket.binary(true);
        socket.set_option(
            websocket::stream_base::decorator([this](websocket::request_type& request) {
                request.set(boost::beast::http::field::sec_websocket_protocol, subprotocol);
            }));
    }
    gateway::TlsClientParts parts;
    websocket::stream<decltype(gateway::TlsClientParts::tls)&> socket;
    std::string subprotocol;
};

WebSocketClient::WebSocketClient(Executor executor, gateway::ClientTrust trust,
                                 std::string subprotocol)
    : stream_(std::make_unique<Stream>(std::move(executor), std::move(trust),
                                       std::move(subprotocol))) {}
WebSocketClient::~WebSocketClient() = default;

Task<Result<>> WebSocketClient::connect(gateway::ServerEndpoint endpoint) {
    const std::string host = endpoint.host;
    CO_TRY_VOID(co_await stream_->parts.connect(std::move(endpoint)));
    websocket::response_type answer;
    auto [error] = co_await stream_->socket.async_handshake(answer, host, device_path, completion);
    if (error)
        co_return failure(Code::unavailable,
                          fmt::format("{} does not open a WebSocket: {}", host, error.message()));
    if (answer[boost::beast::http::field::sec_websocket_protocol] != stream_->subprotocol)
        co_return failure(Code::unavailable, fmt::format("{} does not speak {} over WebSocket",
                                                         host, stream_->subprotocol));
    co_return Result<>{};
}

Task<Result<std::size_t>> WebSocketClient::read_some(std::span<char> into) {
    auto [error, count] = co_await stream_->socket.async_read_some(
        asio::buffer(into.data(), into.size()), completion);
    if (error) co_return failure(Code::unavailable, "the connection ended: " + error.message());
    co_return count;
}

Task<Result<>> WebSocketClient::write(std::string_view bytes) {
    auto [error, count] =
        co_await stream_->socket.async_write(asio::buffer(bytes.data(), bytes.size()), completion);
    if (error) co_return failure(Code::unavailable, "the connection ended: " + error.message());
    co_return Result<>{};
}

void WebSocketClient::close() { stream_->parts.close(); }

}  // namespace twinhub::apps
