#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::protocol::sas {

inline constexpr std::size_t token_bytes_max = 4096;
inline constexpr std::chrono::seconds default_skew{300};  // spec device-protocols 6.2

// A shared access signature as read, its claims unproved (spec device-protocols 6.1,
// service-api 2.1).
struct Token {
    std::string resource;      // `sr` exactly as sent: that text is signed
    std::string expiry_text;   // `se` exactly as sent
    std::uint64_t expiry = 0;  // seconds since 1970, saturated
    std::string signature;     // decoded
    std::string policy;        // `skn`; empty for a device's or module's own key
};

// `SharedAccessSignature sr=..&sig=..&se=..[&skn=..]`, fields in any order. Errors: unauthorized.
Result<Token> parse_token(std::string_view text);

// Whether `key` (decoded from base64) made the signature. Takes the same time wherever they differ.
bool signed_by(const Token& token, std::string_view key);

bool is_expired(const Token& token, Instant now, std::chrono::seconds skew = default_skew);
// When a connection that was opened with the token has to end; Instant::max() when beyond the
// calendar.
Instant expires_at(const Token& token, std::chrono::seconds skew = default_skew);

enum class KeyOwner : std::uint8_t { identity, policy };

// Whether `resource`, the raw `sr`, covers the whole identity (6.2, point 3): with the identity's
// own key it must name just that identity, with a policy's key it may name the hub or the devices.
// `operation` is the path of one endpoint below the identity ("/messages/events"), for which a
// narrower resource will do. `hosts` are the hub's names.
bool covers_identity(std::string_view resource, std::span<const std::string> hosts,
                     const TwinId& identity, KeyOwner owner, std::string_view operation = {});

// Whether `resource` covers a service request for `path` ("/twins/dev-01", decoded): it is the host
// or a segment-wise prefix of host and path (service-api 2.1).
bool covers_path(std::string_view resource, std::span<const std::string> hosts,
                 std::string_view path);

struct TokenRequest {
    std::string_view resource;  // decoded: "hub.example.com/devices/dev-01"
    std::string_view key;       // decoded
    std::uint64_t expiry = 0;   // seconds since 1970
    std::string_view policy;    // empty for a device's own key
};
std::string make_token(const TokenRequest& request);

// The key of one enrolled device, base64: HMAC-SHA256 of its registration id by the group's key
// (10.2).
std::string derive_key(std::string_view group_key, std::string_view registration_id);

// HMAC-SHA256, 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace twinhub::protocol::sas
