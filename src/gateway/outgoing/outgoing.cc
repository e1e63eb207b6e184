#include "gateway/outgoing/outgoing.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace twinhub::gateway {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr std::uint32_t header_bytes_max = 16 * 1024;
constexpr int interim_answers_max = 8;

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

Result<std::string> to_wire(const OutgoingRequest& request) {
    const auto& [method, url, headers, body] = request;
    std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: twinhub", method,
                                  url.target, url.authority());
    if (!body.empty() || (method != "GET" && method != "DELETE"))
        out += fmt::format("\r\nContent-Length: {}", body.size());
    for (const auto& [name, value] : headers) {
        if (name.empty() || !is_printable(name) || !is_printable(value))
            return failure(Code::argument_invalid, "A header holds what no header may hold");
        out += fmt::format("\r\n{}: {}", name, value);
    }
    return out + "\r\n\r\n" + body;
}

std::optional<std::chrono::seconds> seconds_in(std::string_view text) {
    std::uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return std::chrono::seconds{seconds};
}

}  // namespace

// One connection, and the deadline of what it does: closing it ends the request with an error.
struct Outgoing::Connection final : Deadline {
    Connection(Outgoing& owning, std::string goes_to)
        : owner(owning), authority(std::move(goes_to)), tls(owner.executor_, owner.trust_) {}

    void expired(Moment) override {
        if (!place) {
            timed_out = true;
            tls.close();
        } else {
            owner.idle_.erase(*place);  // and with it this
        }
    }
    void within(std::chrono::seconds time) {
        owner.deadlines_.schedule(*this, owner.clock_.monotonic() + time);
    }

    Task<Result<>> open(const Url& url);
    Task<Result<>> receive(Parser& parser);
    Task<Result<OutgoingAnswer>> exchange(const std::string& wire);

    Outgoing& owner;
    const std::string authority;
    TlsClient tls;
    std::string pending;  // read, of no answer yet
    std::optional<std::list<std::unique_ptr<Connection>>::iterator> place;  // while it is idle
    bool is_used = false;                                                   // has answered once
    bool has_heard = false;  // a byte of the answer under way
    bool may_keep = false;
    bool timed_out = false;
};

// Counts a connection among those under way, however its request ends.
struct Outgoing::Busy {
    Busy(Outgoing& owning, Connection& what) : owner(owning), connection(what) {
        owner.busy_.insert(&connection);
    }
    ~Busy() { owner.busy_.erase(&connection); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    Outgoing& owner;
    Connection& connection;
};

Task<Result<>> Outgoing::Connection::open(const Url& url) {
    within(owner.limits_.connect);
    ServerEndpoint endpoint{.host = url.host, .port = url.port, .address = {}};
    co_return co_await tls.connect(std::move(endpoint));
}

Task<Result<>> Outgoing::Connection::receive(Parser& parser) {
    std::array<char, 8192> bytes;
    while (true) {
        while (!pending.empty() && !parser.is_done()) {
            boost::system::error_code error;
            const std::size_t used = parser.put(asio::buffer(pending), error);
            pending.erase(0, used);
            if (error == http::error::need_more) break;
            if (error == http::error::body_limit)
                co_return failure(Code::format_invalid, "the answer is larger than allowed");
            if (error)
                co_return failure(Code::format_invalid,
                                  "the answer is not HTTP: " + error.message());
            if (used == 0) break;
        }
        if (parser.is_done()) co_return Result<>{};
        const auto count = co_await tls.read_some(bytes);
        if (!count) {
            // An answer without a length ends with its connection.
            boost::system::error_code error;
            if (parser.is_header_done() && parser.need_eof() && !timed_out) parser.put_eof(error);
            if (parser.is_done() && !error) co_return Result<>{};
            co_return std::unexpected(count.error());
        }
        has_heard = true;
        pending.append(bytes.data(), *count);
    }
}

Task<Result<OutgoingAnswer>> Outgoing::Connection::exchange(const std::string& wire) {
    within(owner.limits_.answer);
    has_heard = may_keep = false;
    CO_TRY_VOID(co_await tls.write(wire));
    for (int interim = 0; interim < interim_answers_max; ++interim) {
        Parser parser;
        parser.eager(true);
        parser.header_limit(header_bytes_max);
        parser.body_limit(owner.limits_.answer_bytes_max);
        CO_TRY_VOID(co_await receive(parser));
        auto& message = parser.get();
        if (message.result_int() < 200) continue;
        may_keep = is_used = message.keep_alive() && !parser.need_eof() && pending.empty();
        const auto pause = message["Retry-After"];
        OutgoingAnswer answer{.status = static_cast<int>(message.result_int()),
                              .body = std::move(message.body()),
                              .retry_after = seconds_in({pause.data(), pause.size()})};
        co_return answer;
    }
    co_return failure(Code::format_invalid, "the answer never begins");
}

Outgoing::Outgoing(Executor executor, Deadlines& deadlines, const Clock& clock, ClientTrust trust,
                   OutgoingLimits limits)
    : executor_(std::move(executor)),
      deadlines_(deadlines),
      clock_(clock),
      trust_(std::move(trust)),
      limits_(limits) {}

Outgoing::~Outgoing() = default;

std::unique_ptr<Outgoing::Connection> Outgoing::take(const Url& url) {
    const std::string authority = url.authority();
    const auto found =
        std::ranges::find(idle_, authority, [](const auto& idle) { return idle->authority; });
    if (found == idle_.end()) return std::make_unique<Connection>(*this, authority);
    std::unique_ptr<Connection> connection = std::move(*found);
    idle_.erase(found);
    connection->place.reset();
    return connection;
}

void Outgoing::keep(std::unique_ptr<Connection> connection) {
    if (stopping_ || limits_.idle_max == 0) return;
    if (idle_.size() >= limits_.idle_max) idle_.pop_back();
    idle_.push_front(std::move(connection));
    idle_.front()->place = idle_.begin();
    idle_.front()->within(limits_.idle);
}

Task<Result<OutgoingAnswer>> Outgoing::post(Url url, OutgoingHeaders headers, std::string body) {
    co_return co_await send({.method = "POST",
                             .url = std::move(url),
                             .headers = std::move(headers),
                             .body = std::move(body)});
}

Task<Result<OutgoingAnswer>> Outgoing::send(OutgoingRequest request) {
    CO_TRY(const std::string wire, to_wire(request));
    const Url& url = request.url;
    while (true) {
        if (stopping_) co_return failure(Code::unavailable, "the hub is stopping");
        if (busy_.size() >= limits_.requests_max)
            co_return failure(Code::throttled, "too many requests are under way already");
        std::unique_ptr<Connection> connection = take(url);
        const bool was_kept = connection->is_used;
        Result<OutgoingAnswer> answer = failure(Code::internal, {});
        {
            const Busy busy(*this, *connection);
            Result<> opened;
            if (!was_kept) opened = co_await connection->open(url);
            if (opened) answer = co_await connection->exchange(wire);
            else answer = std::unexpected(std::move(opened).error());
        }
        connection->cancel();
        if (connection->timed_out)
            co_return failure(Code::timeout,
                              fmt::format("{} did not answer in time", url.authority()));
        if (answer) {
            if (connection->may_keep) keep(std::move(connection));
            co_return answer;
        }
        // The server may have closed it while it rested.
        const bool rested_too_long = was_kept && !connection->has_heard;
        if (!rested_too_long) co_return answer;
    }
}

void Outgoing::stop() {
    stopping_ = true;
    idle_.clear();
    for (Connection* connection : busy_) connection->tls.close();
}

}  // namespace twinhub::gateway
