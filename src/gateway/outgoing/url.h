#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::gateway {

// Where a request of ours goes. Always HTTPS.
struct Url {
    std::string host;  // a name or an address, IPv6 without brackets; lower case
    std::uint16_t port = 443;
    std::string target = "/";  // path and query, as they go on the wire; may hold a secret

    // "host" or "host:port", as the Host header has it.
    std::string authority() const;
    // For logs and errors: without the query, which often carries a key.
    std::string shown() const;

    friend bool operator==(const Url&, const Url&) = default;
};

// "https://host[:port][/path][?query]". Errors: argument_invalid, which do not repeat the text: a
// user name with its password is not taken, and nothing that could end a line.
Result<Url> parse_https_url(std::string_view text);

}  // namespace twinhub::gateway
