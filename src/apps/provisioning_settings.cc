#include "apps/provisioning_settings.h"

#include "apps/config/settings.h"
#include "base/encoding.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::apps {
namespace {

constexpr std::uint64_t weight_max = 1000;

// The name as the hub itself spells it; empty for another one.
std::string own_name(const Config& config, std::string_view name) {
    if (equals_ignoring_case(name, config.hub_name)) return config.hub_name;
    const auto alias = std::ranges::find_if(config.hub_aliases, [&](const std::string& each) {
        return equals_ignoring_case(each, name);
    });
    return alias == config.hub_aliases.end() ? std::string() : *alias;
}

}  // namespace

Result<std::vector<provisioning::LinkedHub>> linked_hubs(const Config& config) {
    std::vector<provisioning::LinkedHub> hubs;
    for (const std::string& text : config.provisioning_hubs) {
        const std::size_t equals = std::min(text.find('='), text.size());
        const std::string_view name = std::string_view(text).substr(0, equals);
        provisioning::LinkedHub hub{.host = own_name(config, name)};
        if (hub.host.empty())
            return failure(Code::argument_invalid,
                           fmt::format("provisioning.hubs: '{}' is not a name of this hub", name));
        if (equals < text.size()) {
            const auto weight = parse_count(std::string_view(text).substr(equals + 1));
            if (!weight || *weight > weight_max)
                return failure(Code::argument_invalid,
                               fmt::format("provisioning.hubs: the weight of '{}' must be 0 to {}",
                                           name, weight_max));
            hub.weight = static_cast<std::uint32_t>(*weight);
        }
        hubs.push_back(std::move(hub));
    }
    if (hubs.empty()) hubs.push_back({.host = config.hub_name});
    return hubs;
}

Result<provisioning::Settings> provisioning_settings(const Config& config, std::string id_scope) {
    provisioning::Settings settings;
    settings.id_scope = std::move(id_scope);
    TRY(settings.hubs, linked_hubs(config));
    settings.rates = {
        .registrations_per_second =
            static_cast<double>(config.provisioning_registrations_per_second),
        .requests_per_minute = static_cast<double>(config.provisioning_requests_per_minute),
        .failures_per_minute = static_cast<double>(config.provisioning_failures_per_minute)};
    settings.retry_after =
        std::chrono::duration_cast<std::chrono::seconds>(config.provisioning_retry_after);
    settings.hub_patience =
        std::chrono::duration_cast<std::chrono::seconds>(config.provisioning_hub_patience);
    settings.sas_skew = std::chrono::duration_cast<std::chrono::seconds>(config.sas_skew);
    settings.groups_max = static_cast<std::uint32_t>(config.provisioning_groups_max);
    settings.registrations_max = config.provisioning_registrations_max;
    return settings;
}

}  // namespace twinhub::apps
