#include "gateway/http/reply.h"

#include "base/json.h"
#include "gateway/wire_status.h"

#include <fmt/format.h>

#include <iterator>

namespace twinhub::gateway::http {
namespace {

std::string_view phrase(unsigned status) {
    switch (status) {
        case 200: return "OK";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 207: return "Multi-Status";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 412: return "Precondition Failed";
        case 413: return "Payload Too Large";
        case 415: return "Unsupported Media Type";
        case 429: return "Too Many Requests";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        default: return "Unknown";
    }
}

// Header text that cannot end its line, whatever a client or an id put into it.
void append_printable(std::string& out, std::string_view text) {
    for (const char c : text)
        if (c >= ' ' && c <= '~') out += c;
}

std::chrono::sys_seconds seconds_of(Instant now) {
    return std::chrono::floor<std::chrono::seconds>(now);
}

// "MM/dd/yyyy HH:mm:ss" in UTC.
std::string tracking_time(Instant now) {
    const auto second = seconds_of(now);
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{second - day};
    return fmt::format("{:02}/{:02}/{:04} {:02}:{:02}:{:02}", static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), static_cast<int>(date.year()),
                       time.hours().count(), time.minutes().count(), time.seconds().count());
}

bool is_of_device(Code code) {
    return code == Code::device_not_online || code == Code::device_answer_invalid ||
           code == Code::gateway_timeout;
}

// Envelope B as text, to be put into A (spec service-api 3.1).
std::string nested_error(const Error& error, Random& random, Instant now) {
    std::string body = R"({"errorCode":)";
    append_json_number(body, std::uint64_t{wire_status(error.code).number});
    body += R"(,"trackingId":)";
    append_json_string(body,
                       fmt::format("{}-G:0-TimeStamp:{}", random.hex(16), tracking_time(now)));
    body += R"(,"message":)";
    append_json_string(body, error_text(error));
    body += R"(,"timestampUtc":)";
    append_json_string(body, format_instant(now));
    return body + R"(,"info":null})";
}

bool is_our_fault(Code code) { return code == Code::internal || code == Code::corrupted; }

}  // namespace

void Reply::add_field(std::string_view name, std::string_view value) {
    fields += name;
    fields += ": ";
    append_printable(fields, value);
    fields += "\r\n";
}

void Reply::add_text_field(std::string_view name, std::string_view value) {
    fields += name;
    fields += ": ";
    for (const char c : value)
        if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) fields += c;
    fields += "\r\n";
}

void Reply::clear() {
    status = 200;
    body.clear();
    etag.clear();
    error_name = {};
    content_type.clear();
    fields.clear();
    close = false;
    device_errors_nested = false;
    error_members.clear();
    lines.reset();
}

std::string error_text(const Error& error) {
    // A caller without a right learns the same as one without a key (spec service-api 2.4).
    if (error.code == Code::unauthorized) return "Unauthorized";
    if (is_our_fault(error.code)) return "The server could not complete the request";
    std::string text = error.message;
    if (!error.where.empty()) text += " (at " + error.where + ")";
    for (char& c : text) {
        if (c == ';') c = ',';  // clients cut the text there
        if (static_cast<unsigned char>(c) < ' ') c = ' ';
    }
    if (text.empty()) text = wire_status(error.code).name;
    return text;
}

void refuse(Reply& reply, const Error& error, Random& random, Instant now) {
    const WireStatus& row = wire_status(error.code);
    reply.body.clear();
    reply.etag.clear();
    reply.content_type.clear();
    reply.lines.reset();
    reply.status = row.http();
    reply.error_name = row.name;
    reply.body += R"({"Message":)";
    if (reply.device_errors_nested && is_of_device(error.code)) {
        append_json_string(reply.body, nested_error(error, random, now));
        reply.body += R"(,"ExceptionMessage":""})";
        return;
    }
    append_json_string(reply.body, fmt::format("ErrorCode:{};{}", row.name, error_text(error)));
    reply.body += R"(,"ExceptionMessage":)";
    append_json_string(reply.body, fmt::format("Tracking ID:{}-G:0-TimeStamp:{}", random.hex(16),
                                               tracking_time(now)));
    reply.body += reply.error_members;
    reply.body += '}';
}

void append_reply(std::string& out, const Reply& reply, const Request& request,
                  const ReplyFacts& facts) {
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", reply.status,
                   phrase(reply.status), facts.date);
    if (!reply.body.empty()) {
        out += "Content-Type: ";
        if (reply.content_type.empty()) out += "application/json; charset=utf-8";
        else append_printable(out, reply.content_type);
        out += "\r\n";
    }
    if (reply.lines) {
        out += "Content-Type: ";
        out += reply.lines->content_type();
        out += "\r\nCache-Control: no-store\r\n";
        if (request.version >= 11) out += "Transfer-Encoding: chunked\r\n";
    } else if (reply.status != 204) {
        fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", reply.body.size());
    }
    if (facts.gzipped) out += "Content-Encoding: gzip\r\n";
    if (!reply.etag.empty()) {
        out += "ETag: \"";
        append_printable(out, reply.etag);
        out += "\"\r\n";
    }
    if (!reply.error_name.empty()) {
        out += "iothub-errorcode: ";
        out += reply.error_name;
        out += "\r\n";
    }
    out += "x-ms-request-id: ";
    out += facts.request_id;
    out += "\r\n";
    if (const auto id = request.field(Field::client_request_id)) {
        out += "x-ms-client-request-id: ";
        append_printable(out, id->substr(0, request_id_bytes_max));
        out += "\r\n";
    }
    out += reply.fields;
    if (!facts.keep_alive) out += "Connection: close\r\n";
    else if (request.version < 11) out += "Connection: keep-alive\r\n";
    out += "\r\n";
    if (!request.head) out += reply.body;
}

std::string http_date(Instant now) {
    constexpr std::array weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto second = seconds_of(now);
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{second - day};
    return fmt::format(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        weekdays[std::chrono::weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
        months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
        time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::string client_request_id(const Request& request) {
    auto id = request.field(Field::client_request_id);
    if (!id) id = request.field(Field::request_id);
    std::string kept;
    if (id) append_printable(kept, id->substr(0, request_id_bytes_max));
    return kept;
}

}  // namespace twinhub::gateway::http
