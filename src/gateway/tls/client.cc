#include "gateway/tls/client.h"

#include "gateway/tls/client_parts.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>

namespace twinhub::gateway {
namespace {

constexpr auto completion = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct TlsClient::Stream : TlsClientParts {
    using TlsClientParts::TlsClientParts;
};

TlsClient::TlsClient(Executor executor, ClientTrust trust)
    : stream_(std::make_unique<Stream>(std::move(executor), std::move(trust))) {}
TlsClient::~TlsClient() = default;

Task<Result<>> TlsClient::connect(ServerEndpoint endpoint) {
    co_return co_await stream_->connect(std::move(endpoint));
}

Task<Result<std::size_t>> TlsClient::read_some(std::span<char> into) {
    auto [error, count] =
        co_await stream_->tls.async_read_some(asio::buffer(into.data(), into.size()), completion);
    if (error) co_return failure(Code::unavailable, "the connection ended: " + error.message());
    co_return count;
}

Task<Result<>> TlsClient::write(std::string_view bytes) {
    auto [error, count] = co_await asio::async_write(
        stream_->tls, asio::buffer(bytes.data(), bytes.size()), completion);
    if (error) co_return failure(Code::unavailable, "the connection ended: " + error.message());
    co_return Result<>{};
}

void TlsClient::close() { stream_->close(); }

}  // namespace twinhub::gateway
