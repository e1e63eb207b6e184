#include "gateway/http/continuation.h"

#include "base/encoding.h"
#include "base/ids.h"

namespace twinhub::gateway::http {
namespace {

// format, hash of the scope in eight bytes, cursor; all in base64
constexpr char format = 1;
constexpr std::size_t hash_bytes = 8;
constexpr std::size_t token_bytes_max = 4096;

std::string prefix_for(const ContinuationScope& scope) {
    std::string bound(scope.principal);
    bound += '\0';
    bound += scope.dialect;
    bound += '\0';
    bound += scope.query;
    const std::uint64_t hash = stable_hash(bound);
    std::string prefix(1, format);
    for (std::size_t i = 0; i < hash_bytes; ++i)
        prefix += static_cast<char>(hash >> (8 * i) & 0xff);
    return prefix;
}

}  // namespace

std::string make_continuation(const ContinuationScope& scope, std::string_view cursor) {
    std::string token = prefix_for(scope);
    token += cursor;
    return base64_encode(token);
}

Result<std::string> read_continuation(const ContinuationScope& scope, std::string_view token) {
    const auto refused = [] {
        return failure(Code::argument_invalid, "The continuation token is not one of this query",
                       "x-ms-continuation");
    };
    if (token.size() > token_bytes_max) return refused();
    const auto bytes = base64_decode(token);
    const std::string prefix = prefix_for(scope);
    if (!bytes || !bytes->starts_with(prefix) || bytes->size() == prefix.size()) return refused();
    return bytes->substr(prefix.size());
}

}  // namespace twinhub::gateway::http
