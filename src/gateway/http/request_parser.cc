#include "gateway/http/request_parser.h"

#include "base/encoding.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <optional>

namespace twinhub::gateway::http {
namespace {

namespace beast = boost::beast;
using ErrorCode = beast::error_code;
using HttpError = beast::http::error;

constexpr std::size_t last_chunk_bytes_min = std::string_view("0\r\n\r\n").size();

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

Method method_of(beast::http::verb verb) {
    switch (verb) {
        case beast::http::verb::get: return Method::get;
        case beast::http::verb::put: return Method::put;
        case beast::http::verb::post: return Method::post;
        case beast::http::verb::patch: return Method::patch;
        case beast::http::verb::delete_: return Method::remove;
        default: return Method::other;
    }
}

// Which fields make the meaning of a request ambiguous when they come twice.
bool is_single(Field field) {
    return field == Field::host || field == Field::authorization || field == Field::content_type ||
           field == Field::continuation || field == Field::max_item_count;
}

// Beast's state machine, filling a Request without a map of fields.
class Reader final : public beast::http::basic_parser<true> {
public:
    Reader(Request& request, const Limits& limits)
        : request_(request),
          header_max_(limits.header_bytes_max),
          body_max_(limits.body_bytes_max) {
        eager(false);  // one step at a time: stops behind the header, where the caller decides
        header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
        body_limit(boost::none);  // counted here: a route may lower it after the header
    }

    Result<> limit_body(std::size_t bytes_max) {
        body_max_ = bytes_max;
        const bool declared_larger = content_length() && *content_length() > bytes_max;
        if (declared_larger || request_.body.size() > bytes_max) return too_large();
        return {};
    }

    static std::unexpected<Error> too_large() {
        return failure(Code::message_too_large, "The body of the request is larger than allowed");
    }

private:
    void on_request_impl(beast::http::verb verb, beast::string_view method,
                         beast::string_view target, int version, ErrorCode& error) override {
        request_.method = method_of(verb);
        request_.head = verb == beast::http::verb::head;
        request_.target.assign(view(target));
        request_.version = static_cast<unsigned>(version);
        count(method.size() + target.size() + 12, error);
    }
    void on_response_impl(int, beast::string_view, int, ErrorCode&) override {}

    void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                       ErrorCode& error) override {
        count(name.size() + value.size() + 4, error);
        if (error || is_header_done()) return;  // a trailer changes nothing
        if (known == beast::http::field::transfer_encoding &&
            !equals_ignoring_case(view(value), "chunked")) {
            error = HttpError::bad_transfer_encoding;
            return;
        }
        const auto field = field_named(view(name));
        if (!field) {
            if (is_device_field(view(name))) request_.add_device_field(view(name), view(value));
            return;
        }
        const auto before = request_.field(*field);
        if (!before) request_.set_field(*field, view(value));
        else if (is_single(*field)) error = HttpError::bad_field;
        else request_.set_field(*field, std::string(*before) + ", " + std::string(view(value)));
    }

    // Beast's own limit starts over with each piece that it consumed.
    void count(std::size_t bytes, ErrorCode& error) {
        header_bytes_ += bytes;
        if (header_bytes_ > header_max_) error = HttpError::header_limit;
    }

    void on_header_impl(ErrorCode&) override {
        request_.keep_alive = keep_alive();
        request_.upgrade = upgrade();
    }
    void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                           ErrorCode& error) override {
        if (length && *length > body_max_) error = HttpError::body_limit;
    }
    std::size_t on_body_impl(beast::string_view bytes, ErrorCode& error) override {
        return take(bytes, error);
    }
    void on_chunk_header_impl(std::uint64_t size, beast::string_view, ErrorCode& error) override {
        if (size > body_max_ - request_.body.size()) error = HttpError::body_limit;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes,
                                   ErrorCode& error) override {
        return take(bytes, error);
    }
    void on_finish_impl(ErrorCode&) override {}

    std::size_t take(beast::string_view bytes, ErrorCode& error) {
        if (bytes.size() > body_max_ - request_.body.size()) {
            error = HttpError::body_limit;
            return 0;
        }
        request_.body.append(bytes.data(), bytes.size());
        return bytes.size();
    }

    Request& request_;
    std::size_t header_max_;
    std::size_t body_max_;
    std::size_t header_bytes_ = 0;
};

}  // namespace

class RequestParser::Machine {
public:
    std::optional<Reader> reader;
    bool started = false;
};

RequestParser::RequestParser() : machine_(std::make_unique<Machine>()) {}
RequestParser::~RequestParser() = default;

void RequestParser::begin(Request& request, const Limits& limits) {
    request.clear();
    machine_->reader.emplace(request, limits);
    machine_->started = false;
}

Result<std::size_t> RequestParser::feed(std::string_view bytes) {
    Reader& reader = *machine_->reader;
    std::size_t consumed = 0;
    // An empty line before a request is left over from the one before (RFC 9112, 2.2).
    while (!machine_->started && consumed < bytes.size() &&
           (bytes[consumed] == '\r' || bytes[consumed] == '\n'))
        ++consumed;
    while (consumed < bytes.size() && !reader.is_done()) {
        machine_->started = true;
        const bool had_header = reader.is_header_done();
        // Beast 1.74 asserts that it is not asked again about a last chunk before this many bytes
        // of it are there. No body in chunks ends in fewer: waiting for them loses nothing.
        if (had_header && reader.chunked() && bytes.size() - consumed < last_chunk_bytes_min) break;
        ErrorCode error;
        const std::size_t taken = reader.put(
            boost::asio::buffer(bytes.data() + consumed, bytes.size() - consumed), error);
        consumed += taken;
        if (error == HttpError::need_more) break;
        if (error == HttpError::body_limit) return Reader::too_large();
        if (error)
            return failure(Code::format_invalid,
                           "The request is not valid HTTP: " + error.message());
        if (!had_header && reader.is_header_done()) break;
        if (taken == 0) break;
    }
    return consumed;
}

bool RequestParser::started() const { return machine_->started; }
bool RequestParser::has_header() const { return machine_->reader->is_header_done(); }
bool RequestParser::is_done() const { return machine_->reader->is_done(); }
Result<> RequestParser::limit_body(std::size_t bytes_max) {
    return machine_->reader->limit_body(bytes_max);
}

}  // namespace twinhub::gateway::http
