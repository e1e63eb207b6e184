#include "protocol/mqtt/provisioning_name.h"

#include "base/encoding.h"
#include "protocol/mqtt/limits.h"

#include <algorithm>

namespace twinhub::protocol::mqtt {
namespace {

constexpr std::size_t scope_bytes_max = 128;
constexpr std::size_t registration_bytes_max = 128;

// Takes what stands before the next slash; nothing when there is none.
std::optional<std::string_view> segment(std::string_view& rest) {
    const std::size_t slash = rest.find('/');
    if (slash == rest.npos || slash == 0) return std::nullopt;
    const std::string_view taken = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
    return taken;
}

std::string agent_in(std::string_view query) {
    while (!query.empty()) {
        const std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(item.size() + 1, query.size()));
        const std::size_t equals = item.find('=');
        if (equals != item.npos && equals_ignoring_case(item.substr(0, equals), "ClientVersion"))
            return percent_decode(item.substr(equals + 1)).value_or("");
    }
    return {};
}

}  // namespace

std::optional<ProvisioningName> parse_provisioning_name(std::string_view user_name,
                                                        std::string_view client_id) {
    if (user_name.size() > user_name_bytes_max) return std::nullopt;
    const auto scope = segment(user_name);
    const auto fixed = scope ? segment(user_name) : std::nullopt;
    if (!fixed || !equals_ignoring_case(*fixed, "registrations")) return std::nullopt;
    const auto registration = segment(user_name);
    if (!registration || scope->size() > scope_bytes_max ||
        registration->size() > registration_bytes_max ||
        !equals_ignoring_case(*registration, client_id))
        return std::nullopt;
    if (user_name.starts_with('?')) user_name.remove_prefix(1);
    if (!ascii_lower(user_name).starts_with("api-version=")) return std::nullopt;
    return ProvisioningName{std::string(*scope), std::string(client_id), agent_in(user_name)};
}

}  // namespace twinhub::protocol::mqtt
