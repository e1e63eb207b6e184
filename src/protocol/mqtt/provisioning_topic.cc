#include "protocol/mqtt/provisioning_topic.h"

#include "protocol/mqtt/limits.h"

#include <algorithm>

namespace twinhub::protocol::mqtt {
namespace {

constexpr std::string_view register_prefix = "$dps/registrations/PUT/iotdps-register/";
constexpr std::string_view poll_prefix = "$dps/registrations/GET/iotdps-get-operationstatus/";
constexpr std::size_t operation_bytes_max = 128;

// The value of a member of "a=1&b=2"; nothing when it is not there.
std::optional<std::string_view> member_of(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(item.size() + 1, query.size()));
        const std::size_t equals = item.find('=');
        if (equals != item.npos && item.substr(0, equals) == name) return item.substr(equals + 1);
    }
    return std::nullopt;
}

}  // namespace

std::optional<ProvisioningRequest> parse_provisioning_topic(std::string_view topic) {
    const bool polls = topic.starts_with(poll_prefix);
    if (!polls && !topic.starts_with(register_prefix)) return std::nullopt;
    topic.remove_prefix(polls ? poll_prefix.size() : register_prefix.size());
    if (!topic.starts_with('?')) return std::nullopt;
    topic.remove_prefix(1);
    const auto rid = member_of(topic, "$rid");
    if (!rid || rid->empty() || rid->size() > rid_bytes_max) return std::nullopt;
    if (!polls) return ProvisioningRequest{*rid, {}};
    const auto operation = member_of(topic, "operationId");
    if (!operation || operation->empty() || operation->size() > operation_bytes_max)
        return std::nullopt;
    return ProvisioningRequest{*rid, *operation};
}

std::string make_provisioning_topic(int status, std::string_view rid, long long retry_after) {
    std::string topic = "$dps/registrations/res/" + std::to_string(status) + "/?$rid=";
    topic += rid;
    if (retry_after > 0) topic += "&retry-after=" + std::to_string(retry_after);
    return topic;
}

}  // namespace twinhub::protocol::mqtt
