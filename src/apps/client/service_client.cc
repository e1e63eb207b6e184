#include "apps/client/service_client.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include <charconv>
#include <thread>

namespace twinhub::apps {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr std::string_view api_version =
    "2024-03-31";  // has renewal of keys (spec service-api 4.7)
constexpr std::uint64_t body_bytes_max = 256 << 20;
constexpr auto answer_within = std::chrono::seconds{60};
constexpr auto token_lifetime = std::chrono::minutes{10};
// The server ends a stream whose token expired.
constexpr auto stream_token_lifetime = std::chrono::hours{24};
// Lines or heartbeats come more often than this.
constexpr auto stream_silence_max = std::chrono::seconds{60};
constexpr std::uint64_t page_items_max = 1000;
// How long a query waits in all, between two pages, for a server that is asked too much.
constexpr auto throttled_max = std::chrono::minutes{2};

std::string token_for(const Target& target, Instant now, std::chrono::minutes lifetime) {
    const auto expiry =
        std::chrono::floor<std::chrono::seconds>(now + lifetime).time_since_epoch().count();
    return protocol::sas::make_token({.resource = target.connection.host,
                                      .key = base64_decode(target.connection.key).value_or(""),
                                      .expiry = static_cast<std::uint64_t>(expiry),
                                      .policy = target.connection.policy});
}

std::string to_wire(const ServiceRequest& request, const Target& target, Instant now,
                    std::chrono::minutes lifetime = token_lifetime) {
    const std::string& host = target.connection.host;
    const bool is_ipv6 = host.find(':') != std::string::npos;
    std::string out =
        fmt::format("{} {}{}api-version={} HTTP/1.1\r\nHost: {}", request.method, request.path,
                    request.path.find('?') == std::string::npos ? '?' : '&', api_version,
                    is_ipv6 ? "[" + host + "]" : host);
    if (target.endpoint.port != 443) out += fmt::format(":{}", target.endpoint.port);
    out +=
        "\r\nUser-Agent: twinhub-cli\r\nAccept: application/json\r\nAuthorization: " +
        (request.authorization.empty() ? token_for(target, now, lifetime) : request.authorization);
    if (!request.if_match.empty()) out += "\r\nIf-Match: " + request.if_match;
    for (const auto& [name, value] : request.headers) out += fmt::format("\r\n{}: {}", name, value);
    const std::string body = request.body ? to_text(*request.body) : std::string();
    if (request.body) out += "\r\nContent-Type: application/json; charset=utf-8";
    if (request.body || request.method != "GET")
        out += fmt::format("\r\nContent-Length: {}", body.size());
    return out + "\r\n\r\n" + body;
}

// How long to wait before asking again; nothing when that would not help.
std::optional<std::chrono::seconds> pause_before_retry(const ServiceResponse& response) {
    if (response.status != 429) return std::nullopt;
    std::uint32_t seconds = 0;
    const std::string& text = response.retry_after;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return std::chrono::seconds{std::max(seconds, 1U)};
}

std::string unquoted(std::string_view etag) {
    if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"'))
        etag = etag.substr(1, etag.size() - 2);
    return std::string(etag);
}

// Feeds what came into the parser; what it does not take yet stays in `pending`.
Result<> feed(Parser& parser, std::string& pending) {
    while (!pending.empty() && !parser.is_done()) {
        boost::system::error_code error;
        const std::size_t used = parser.put(asio::buffer(pending), error);
        pending.erase(0, used);
        if (error == http::error::need_more) return {};
        if (error)
            return failure(Code::unavailable,
                           "the server does not answer in HTTP: " + error.message());
    }
    return {};
}

}  // namespace

// How long to wait for the next bytes.
using Patience = std::function<std::chrono::milliseconds()>;

struct ServiceClient::Impl {
    Impl(Target where, const Clock& time) : target(std::move(where)), clock(time) {}

    Target target;
    const Clock& clock;
    asio::io_context loop{1};
    gateway::ClientTrust trust;
    std::unique_ptr<gateway::TlsClient> connection;  // present while it can be used again
    std::string pending;                             // read, of no answer yet

    // Runs one step to its end, or ends the connection when it takes too long. No limit when zero.
    template <class T>
    Result<T> run(Task<Result<T>> step, std::chrono::milliseconds within) {
        std::optional<Result<T>> result;
        asio::co_spawn(loop, std::move(step),
                       [&](const std::exception_ptr& thrown, Result<T> value) {
                           CHECK(!thrown);
                           result = std::move(value);
                       });
        loop.restart();
        if (within.count() == 0) loop.run();
        else loop.run_for(within);
        if (result) return std::move(*result);
        connection->close();
        loop.restart();
        loop.run();
        return failure(Code::timeout, fmt::format("{} did not answer within {} s",
                                                  target.endpoint.host, within.count() / 1000));
    }

    Result<> open() {
        if (connection) return {};
        if (!trust) {
            TRY(trust, gateway::make_trust(target.ca_file));
        }
        pending.clear();
        connection = std::make_unique<gateway::TlsClient>(loop.get_executor(), trust);
        auto connected = run<void>(connection->connect(target.endpoint), answer_within);
        if (!connected) connection.reset();
        if (!connected && connected.error().code == Code::unauthorized)
            connected.error().message += ": name its CA with --ca-file or TWINHUB_CA_FILE";
        return connected;
    }

    // Reads until `enough` says so or the answer is whole.
    Result<> receive(Parser& parser, const Patience& patience,
                     const std::function<bool()>& enough) {
        std::array<char, 16384> bytes;
        while (true) {
            TRY_VOID(feed(parser, pending));
            if (parser.is_done() || enough()) return {};
            TRY(const std::size_t count,
                run<std::size_t>(connection->read_some(bytes), patience()));
            pending.append(bytes.data(), count);
        }
    }

    Result<> exchange(const std::string& wire, Parser& parser, bool& answered,
                      const Patience& patience, const std::function<bool()>& enough) {
        TRY_VOID(open());
        TRY_VOID(run<void>(connection->write(wire), answer_within));
        const auto received = receive(parser, patience, enough);
        answered = parser.got_some();
        return received;
    }
};

ServiceClient::ServiceClient(Target target, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(target), clock)) {}
ServiceClient::~ServiceClient() = default;

const Target& ServiceClient::target() const { return impl_->target; }

Result<ServiceResponse> ServiceClient::send(const ServiceRequest& request) {
    const std::string wire = to_wire(request, impl_->target, impl_->clock.now());
    // The server may have closed a kept connection meanwhile; what only reads is then sent again.
    bool may_retry = impl_->connection != nullptr && request.method == "GET";
    while (true) {
        Parser parser;
        parser.eager(true);
        parser.body_limit(body_bytes_max);
        bool answered = false;
        const auto done = impl_->exchange(
            wire, parser, answered, [&request] { return request.within; }, [] { return false; });
        if (!done) {
            impl_->connection.reset();
            if (std::exchange(may_retry, false) && !answered &&
                done.error().code == Code::unavailable)
                continue;
            return std::unexpected(done.error());
        }
        const auto& message = parser.get();
        ServiceResponse response{.status = static_cast<int>(message.result_int()),
                                 .body = message.body(),
                                 .continuation = std::string(message["x-ms-continuation"]),
                                 .retry_after = std::string(message["Retry-After"]),
                                 .etag = unquoted(message["ETag"])};
        for (const auto& field : message) {
            const std::string name =
                ascii_lower({field.name_string().data(), field.name_string().size()});
            if (name.starts_with("iothub-")) response.fields.emplace_back(name, field.value());
        }
        if (!message.keep_alive()) impl_->connection.reset();
        return response;
    }
}

Result<json::value> ServiceClient::call(const ServiceRequest& request) {
    TRY(const ServiceResponse response, send(request));
    if (response.status < 200 || response.status >= 300) return std::unexpected(error_of(response));
    if (response.body.empty()) return json::value(nullptr);
    return parse_json(response.body, {.bytes_max = body_bytes_max, .depth_max = 64});
}

Result<> ServiceClient::query(const FleetQuery& query,
                              const std::function<bool(json::array rows)>& take) {
    std::string continuation;
    std::uint64_t taken = 0;
    std::chrono::seconds waited{};
    while (true) {
        const std::uint64_t wanted =
            query.top == 0 ? page_items_max : std::min(page_items_max, query.top - taken);
        ServiceRequest request{.method = "POST",
                               .path = "/devices/query",
                               .body = json::object{{"query", query.text}}};
        request.headers.emplace_back("x-ms-max-item-count", std::to_string(wanted));
        if (!query.dialect.empty()) request.headers.emplace_back("x-query-dialect", query.dialect);
        if (!continuation.empty()) request.headers.emplace_back("x-ms-continuation", continuation);
        TRY(const ServiceResponse response, send(request));
        if (const auto pause = pause_before_retry(response);
            pause && !continuation.empty() && waited + *pause <= throttled_max) {
            waited += *pause;
            std::this_thread::sleep_for(*pause);
            continue;
        }
        if (response.status != 200) return std::unexpected(error_of(response));
        TRY(json::value page,
            parse_json(response.body, {.bytes_max = body_bytes_max, .depth_max = 64}));
        if (!page.is_array())
            return failure(Code::format_invalid, "the server's answer is not a list");
        taken += page.get_array().size();
        waited = {};
        continuation = response.continuation;
        if (!take(std::move(page.get_array()))) return {};
        if (continuation.empty() || (query.top != 0 && taken >= query.top)) return {};
    }
}

Result<json::array> ServiceClient::query(const FleetQuery& query) {
    json::array rows;
    TRY_VOID(this->query(query, [&](json::array page) {
        if (rows.empty()) rows = std::move(page);
        else
            for (json::value& row : page) rows.push_back(std::move(row));
        return true;
    }));
    return rows;
}

Result<> ServiceClient::stream(const ServiceRequest& request,
                               const std::function<bool(std::string_view line)>& take,
                               std::chrono::seconds quiet_max) {
    impl_->connection.reset();  // its own connection: it ends with the stream
    Parser parser;
    parser.eager(true);
    parser.body_limit(boost::none);
    std::string text;
    bool goes_on = true;
    Moment last_line = impl_->clock.monotonic();
    const auto quiet_left = [&] {
        const auto left = last_line + quiet_max - impl_->clock.monotonic();
        return std::chrono::ceil<std::chrono::milliseconds>(left);
    };
    const Patience patience = [&]() -> std::chrono::milliseconds {
        if (quiet_max.count() == 0) return stream_silence_max;
        return std::clamp<std::chrono::milliseconds>(quiet_left(), std::chrono::milliseconds(1),
                                                     stream_silence_max);
    };
    const auto take_lines = [&] {
        if (!parser.is_header_done() || parser.get().result_int() != 200) return false;
        text += std::exchange(parser.get().body(), {});
        std::size_t begin = 0;
        for (std::size_t end = text.find('\n'); goes_on && end != std::string::npos;
             end = text.find('\n', begin)) {
            const std::string_view line = std::string_view(text).substr(begin, end - begin);
            if (!line.empty() && line != "\r") {
                last_line = impl_->clock.monotonic();
                goes_on = take(line);
            }
            begin = end + 1;
        }
        text.erase(0, begin);
        return !goes_on;
    };
    bool answered = false;
    const std::string wire =
        to_wire(request, impl_->target, impl_->clock.now(), stream_token_lifetime);
    const auto done = impl_->exchange(wire, parser, answered, patience, take_lines);
    impl_->connection.reset();
    const bool is_quiet = quiet_max.count() != 0 && quiet_left().count() <= 0;
    if (!done && done.error().code == Code::timeout && parser.is_header_done() && is_quiet)
        return {};
    if (!done) return done;
    const auto& message = parser.get();
    if (message.result_int() != 200)
        return std::unexpected(error_of({.status = static_cast<int>(message.result_int()),
                                         .body = message.body(),
                                         .continuation = {},
                                         .retry_after = {}}));
    take_lines();
    if (goes_on) return failure(Code::unavailable, "the server ended the stream");
    return {};
}

Error error_of(const ServiceResponse& response) {
    std::string message;
    if (const auto body = parse_json(response.body); body && body->is_object()) {
        const json::value* text = body->get_object().if_contains("Message");
        if (!text) text = body->get_object().if_contains("message");
        if (text && text->is_string()) message = std::string(text->get_string());
        else if (body->get_object().contains("errors"))
            message = "some of the operations were refused: " + response.body;
    }
    // What went wrong with a device is told as JSON inside of the message.
    if (message.starts_with('{'))
        if (const auto inner = parse_json(message); inner && inner->is_object())
            if (const json::value* text = inner->get_object().if_contains("message");
                text && text->is_string())
                message = std::string(text->get_string());
    // "ErrorCode:DeviceNotFound;dev-01"
    if (message.starts_with("ErrorCode:")) message.erase(0, std::string_view("ErrorCode:").size());
    if (const std::size_t end = message.find(';'); end != std::string::npos)
        message.replace(end, 1, ": ");
    if (message.empty())
        message = fmt::format("the server answered with status {}", response.status);
    Code code = Code::internal;
    if (response.status == 401) code = Code::unauthorized;
    if (response.status == 404) code = Code::not_found;
    if (response.status == 409) code = Code::device_already_exists;
    if (response.status == 410) code = Code::history_unavailable;
    if (response.status == 412) code = Code::precondition_failed;
    if (response.status == 429) code = Code::throttled;
    if (response.status == 503) code = Code::unavailable;
    return {code, std::move(message), {}};
}

}  // namespace twinhub::apps
