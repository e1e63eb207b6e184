#pragma once

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "gateway/http/line_source.h"
#include "gateway/http/request.h"

#include <memory>
#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// What a request is answered with. Reused: clear() keeps the memory.
struct Reply {
    unsigned status = 200;
    std::string body;             // JSON; empty = no body
    std::string etag;             // without quotes; empty = no header
    std::string_view error_name;  // iothub-errorcode; empty = no error
    std::string content_type;     // of the body; empty = JSON
    std::string fields;           // further header lines, each with its line end
    bool close = false;           // end the connection behind it
    // Should the device be the reason of a refusal, it is told with its number inside of the
    // message (spec service-api 3.1, A(B)).
    bool device_errors_nested = false;
    // Further members of the body, should it become a refusal: JSON, each led by a comma.
    std::string error_members;
    // Instead of a body: lines that come as they come, until the client leaves or the server stops.
    std::unique_ptr<LineSource> lines;

    // Adds a header line; characters that could end it are dropped from the value.
    void add_field(std::string_view name, std::string_view value);
    // The same for text of others: what is not ASCII passes as it is.
    void add_text_field(std::string_view name, std::string_view value);
    void clear();
};

// Makes `reply` the refusal for `error`: envelope A with the same name in header and body (spec
// service-api 3.1), and what was put into `fields` and `error_members` for it. What went wrong on
// our side is not told in detail.
void refuse(Reply& reply, const Error& error, Random& random, Instant now);

// The text behind `ErrorCode:<Name>;`: one line, never empty, no ';'.
std::string error_text(const Error& error);

struct ReplyFacts {
    std::string_view date;        // as HTTP writes it
    std::string_view request_id;  // ours
    bool keep_alive = true;
    bool gzipped = false;
};

// Appends the whole answer to `out`; a body to HEAD is only measured.
void append_reply(std::string& out, const Reply& reply, const Request& request,
                  const ReplyFacts& facts);

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(Instant now);

// An id that a client chose for its request, fit to be kept and echoed: printable, shortened to 64
// bytes. Empty when it sent none.
std::string client_request_id(const Request& request);

}  // namespace twinhub::gateway::http
