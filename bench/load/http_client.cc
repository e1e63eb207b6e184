#include "http_client.h"

#include "base/encoding.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <optional>

namespace twinhub::load {
namespace {

struct Response {
    unsigned status = 0;
    std::string_view head;
    std::string_view body;
    std::size_t bytes = 0;  // with its head
};

template <class Number>
std::optional<Number> number_of(std::string_view text, int base = 10) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    Number value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (result.ec != std::errc{}) return {};
    return value;
}

// The value of a header; its name is given in lower case with the colon.
std::optional<std::string_view> header(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
        const std::size_t next = head.find("\r\n", at + 2);
        const std::string_view line = head.substr(at + 2, next - at - 2);
        if (line.size() >= name.size() && equals_ignoring_case(line.substr(0, name.size()), name))
            return line.substr(name.size());
        at = next;
    }
    return {};
}

// Joins the chunks of `bytes` into `body`; the count of bytes used, nothing while some are missing.
std::optional<std::size_t> join_chunks(std::string_view bytes, std::string& body) {
    body.clear();
    std::size_t at = 0;
    while (true) {
        const std::size_t line_end = bytes.find("\r\n", at);
        if (line_end == std::string_view::npos) return {};
        const auto size = number_of<std::size_t>(bytes.substr(at, line_end - at), 16);
        if (!size || bytes.size() < line_end + 2 + *size + 2) return {};
        if (*size == 0) return line_end + 4;
        body += bytes.substr(line_end + 2, *size);
        at = line_end + 2 + *size + 2;
    }
}

std::optional<Response> first_response(std::string_view bytes) {
    const std::size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return {};
    const std::string_view head = bytes.substr(0, head_end);
    const std::string_view rest = bytes.substr(head_end + 4);
    Response response{.status = number_of<unsigned>(head.substr(head.find(' '))).value_or(0),
                      .head = head,
                      .body = {},
                      .bytes = head_end + 4};
    if (const auto length = header(head, "content-length:")) {
        const auto size = number_of<std::size_t>(*length).value_or(0);
        if (rest.size() < size) return {};
        response.body = rest.substr(0, size);
        response.bytes += size;
    } else if (header(head, "transfer-encoding:")) {
        static std::string joined;
        const auto used = join_chunks(rest, joined);
        if (!used) return {};
        response.body = joined;
        response.bytes += *used;
    }
    return response;
}

}  // namespace

void HttpClient::request(std::string_view path, std::string_view token, std::string_view body,
                         std::string_view fields) {
    auto out = std::back_inserter(output());
    fmt::format_to(out, "{} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n",
                   body.empty() ? "GET" : "POST", path, host_, token);
    if (!body.empty())
        fmt::format_to(out, "Content-Type: application/json\r\nContent-Length: {}\r\n",
                       body.size());
    output() += fields;
    output() += "\r\n";
    output() += body;
}

std::optional<std::string_view> HttpClient::field(std::string_view name) const {
    auto value = header(head_, name);
    while (value && value->starts_with(' ')) value->remove_prefix(1);
    return value;
}

std::size_t HttpClient::received(std::string_view bytes) {
    const auto response = first_response(bytes);
    if (!response) return 0;
    head_ = response->head;
    owner_.answered(*this, response->status, response->body);
    head_ = {};
    if (is_open() && !output().empty()) flush();
    return response->bytes;
}

}  // namespace twinhub::load
