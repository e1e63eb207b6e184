#include "gateway/tls/client_parts.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace twinhub::gateway {
namespace {

using asio::ip::tcp;
constexpr auto completion = asio::as_tuple(asio::use_awaitable);

auto unavailable(const ServerEndpoint& endpoint, std::string_view what,
                 const boost::system::error_code& error) {
    return failure(Code::unavailable, fmt::format("cannot {} {}:{}: {}", what, endpoint.host,
                                                  endpoint.port, error.message()));
}

bool is_address(const std::string& text) {
    boost::system::error_code error;
    asio::ip::make_address(text, error);
    return !error;
}

}  // namespace

Result<ClientTrust> make_trust(const std::string& ca_file, SystemAuthorities system) {
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
    boost::system::error_code error;
    context->set_verify_mode(asio::ssl::verify_peer, error);
    if (ca_file.empty() || system == SystemAuthorities::always)
        context->set_default_verify_paths(error);
    if (!ca_file.empty()) {
        context->load_verify_file(ca_file, error);
        if (error)
            return failure(Code::format_invalid,
                           fmt::format("'{}' holds no certificates that can be read", ca_file));
    }
    return context;
}

Task<Result<>> TlsClientParts::connect(ServerEndpoint endpoint) {
    SSL* const ssl = tls.native_handle();
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
    if (is_address(endpoint.host)) {
        X509_VERIFY_PARAM_set1_ip_asc(wanted, endpoint.host.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl, endpoint.host.c_str());
        X509_VERIFY_PARAM_set1_host(wanted, endpoint.host.c_str(), 0);
    }
    const std::string target = endpoint.address.empty() ? endpoint.host : endpoint.address;
    const std::string port = std::to_string(endpoint.port);
    auto [not_found, addresses] = co_await resolver.async_resolve(target, port, completion);
    if (!not_found && closed) not_found = asio::error::operation_aborted;
    if (not_found) co_return unavailable(endpoint, "find", not_found);
    tcp::socket& socket = tls.next_layer();
    auto [refused, address] = co_await asio::async_connect(socket, addresses, completion);
    if (refused) co_return unavailable(endpoint, "connect to", refused);
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);

    auto [failed] = co_await tls.async_handshake(asio::ssl::stream_base::client, completion);
    if (!failed) co_return Result<>{};
    const long verdict = SSL_get_verify_result(ssl);
    if (verdict == X509_V_OK) co_return unavailable(endpoint, "open TLS with", failed);
    co_return failure(Code::unauthorized,
                      fmt::format("the certificate of {} is not trusted ({})", endpoint.host,
                                  X509_verify_cert_error_string(verdict)));
}

void TlsClientParts::close() {
    closed = true;
    resolver.cancel();
    boost::system::error_code ignored;
    tls.next_layer().close(ignored);
}

}  // namespace twinhub::gateway
