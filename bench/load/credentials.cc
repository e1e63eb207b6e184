#include "credentials.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <ctime>

namespace twinhub::load {
namespace {

constexpr std::string_view group_word = "twinhub_load's public word";

}  // namespace

std::optional<ConnectionString> parse_connection_string(std::string_view text) {
    ConnectionString result;
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(';'));
        text.remove_prefix(part.size() < text.size() ? part.size() + 1 : part.size());
        const auto equals = part.find('=');  // the first: a base64 key ends in '='
        if (equals == std::string_view::npos) continue;
        const std::string_view name = part.substr(0, equals);
        const std::string_view value = part.substr(equals + 1);
        if (equals_ignoring_case(name, "HostName")) result.host_name = value;
        if (equals_ignoring_case(name, "SharedAccessKeyName")) result.policy = value;
        if (equals_ignoring_case(name, "SharedAccessKey")) result.key = value;
    }
    if (result.host_name.empty() || result.policy.empty() || !base64_decode(result.key)) return {};
    return result;
}

std::string device_name(std::uint64_t number) { return "load-" + std::to_string(number); }

std::string group_key() { return base64_encode(group_word); }

std::string device_key(std::string_view device) {
    return protocol::sas::derive_key(group_word, device);
}

std::string sas_token(std::string_view resource, std::string_view key, std::string_view policy,
                      std::uint64_t seconds) {
    const std::string raw_key = base64_decode(key).value_or("");
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    return protocol::sas::make_token(
        {.resource = resource, .key = raw_key, .expiry = now + seconds, .policy = policy});
}

}  // namespace twinhub::load
