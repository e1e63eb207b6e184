#include "protocol/sas/token.h"

#include "base/encoding.h"
#include "base/hmac.h"

#include <algorithm>
#include <limits>

namespace twinhub::protocol::sas {
namespace {

constexpr std::string_view scheme = "SharedAccessSignature ";
constexpr std::size_t signature_bytes = 32;

std::unexpected<Error> refuse(std::string message) {
    return failure(Code::unauthorized, std::move(message));
}

// Decimal digits, saturated: a client may mean "never" with a number of any length.
std::optional<std::uint64_t> parse_expiry(std::string_view text) {
    if (text.empty()) return std::nullopt;
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        number = number > (most - digit) / 10 ? most : number * 10 + digit;
    }
    return number;
}

}  // namespace

Result<Token> parse_token(std::string_view text) {
    if (text.size() > token_bytes_max) return refuse("The shared access signature is too long");
    if (!equals_ignoring_case(text.substr(0, scheme.size()), scheme))
        return refuse("The credential is not a shared access signature");
    text.remove_prefix(scheme.size());

    std::optional<std::string_view> resource, signature, expiry, policy;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(item.size() + 1, text.size()));
        const std::size_t equals = item.find('=');
        if (equals == item.npos) continue;
        const std::string_view name = item.substr(0, equals);
        auto* field = name == "sr"    ? &resource
                      : name == "sig" ? &signature
                      : name == "se"  ? &expiry
                      : name == "skn" ? &policy
                                      : nullptr;
        if (!field) continue;
        if (*field) return refuse("The shared access signature has a field twice");
        *field = item.substr(equals + 1);
    }
    if (!resource || resource->empty() || !signature || !expiry)
        return refuse("The shared access signature lacks sr, sig or se");

    Token token;
    token.resource = *resource;
    token.expiry_text = *expiry;
    const auto seconds = parse_expiry(*expiry);
    if (!seconds) return refuse("The expiry of the shared access signature is not a number");
    token.expiry = *seconds;
    const auto base64 = percent_decode(*signature);
    auto bytes = base64 ? base64_decode(*base64) : std::nullopt;
    if (!bytes || bytes->size() != signature_bytes)
        return refuse("The signature is not 32 bytes in base64");
    token.signature = *std::move(bytes);
    auto name = percent_decode(policy.value_or(""));
    if (!name) return refuse("The policy name of the shared access signature is not readable");
    token.policy = *std::move(name);
    return token;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
    return twinhub::hmac_sha256(key, text);
}

bool signed_by(const Token& token, std::string_view key) {
    if (key.empty()) return false;  // an identity without a key has none that could sign
    return equals_constant_time(hmac_sha256(key, token.resource + '\n' + token.expiry_text),
                                token.signature);
}

bool is_expired(const Token& token, Instant now, std::chrono::seconds skew) {
    const std::int64_t late =
        (std::chrono::floor<std::chrono::seconds>(now) - skew).time_since_epoch().count();
    return late > 0 && static_cast<std::uint64_t>(late) > token.expiry;
}

Instant expires_at(const Token& token, std::chrono::seconds skew) {
    const std::chrono::seconds last = std::chrono::floor<std::chrono::seconds>(Ticks::max()) - skew;
    if (token.expiry >= static_cast<std::uint64_t>(last.count())) return Instant::max();
    return Instant(std::chrono::seconds(static_cast<std::int64_t>(token.expiry)) + skew);
}

std::string make_token(const TokenRequest& request) {
    const std::string resource = percent_encode(request.resource);
    const std::string expiry = std::to_string(request.expiry);
    std::string token(scheme);
    token += "sr=" + resource;
    token +=
        "&sig=" + percent_encode(base64_encode(hmac_sha256(request.key, resource + '\n' + expiry)));
    token += "&se=" + expiry;
    if (!request.policy.empty()) token += "&skn=" + percent_encode(request.policy);
    return token;
}

std::string derive_key(std::string_view group_key, std::string_view registration_id) {
    return base64_encode(hmac_sha256(group_key, registration_id));
}

}  // namespace twinhub::protocol::sas
