#pragma once

#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// Whether an Accept-Encoding header asks for gzip (RFC 9110, 12.5.3): named and not with q=0. A
// bare
// `*` does not count: some clients that send it cannot read gzip.
bool accepts_gzip(std::string_view accept_encoding);

// `body` packed; empty when zlib has no memory.
std::string gzipped(std::string_view body);

}  // namespace twinhub::gateway::http
