#pragma once

#include "base/result.h"
#include "gateway/http/request.h"

#include <memory>
#include <string_view>

namespace twinhub::gateway::http {

// Reads one HTTP/1.1 request from any pieces of it into a Request. Owns no buffer: what it does not
// consume, the caller shows again with more behind it. Never reads past the end of its request.
class RequestParser {
public:
    RequestParser();
    ~RequestParser();
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    // Starts the next request; `request` outlives it.
    void begin(Request& request, const Limits& limits);

    // The bytes consumed. Errors: format_invalid (not HTTP/1.x), message_too_large (the body).
    Result<std::size_t> feed(std::string_view bytes);

    bool started() const;     // has seen a byte of it
    bool has_header() const;  // line and fields are complete
    bool is_done() const;

    // How much of the body is taken from now on; call once the header is there. Errors:
    // message_too_large when it is known to be larger.
    Result<> limit_body(std::size_t bytes_max);

private:
    class Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace twinhub::gateway::http
