#include "protocol/mqtt/subscription.h"

#include <algorithm>
#include <bit>

namespace twinhub::protocol::mqtt {
namespace {

// Takes `prefix` off the front of `text`.
bool eat(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

constexpr auto qos_flags = SubscriptionMask(Subscription::cloud_to_device_acknowledged)
                               .with(Subscription::module_inputs_acknowledged);

std::optional<Filter> parse_hub_filter(std::string_view rest) {
    if (rest == "twin/res/#") return Filter{Subscription::twin_responses, {}};
    if (rest == "twin/PATCH/properties/desired/#") return Filter{Subscription::desired, {}};
    if (rest == "methods/POST/#") return Filter{Subscription::methods, {}};
    if (eat(rest, "methods/POST/") && rest.ends_with("/#")) {
        const std::string_view name = rest.substr(0, rest.size() - 2);
        if (!name.empty() && name.size() <= id_bytes_max && name.find_first_of("/+#") == name.npos)
            return Filter{Subscription::methods, name};
    }
    return std::nullopt;
}

}  // namespace

std::size_t Subscriptions::count() const {
    return static_cast<std::size_t>(std::popcount(mask.without(qos_flags).bits())) + methods.size();
}

bool Subscriptions::wants_method(std::string_view name) const {
    return mask.has(Subscription::methods) || std::ranges::binary_search(methods, name);
}

std::optional<Filter> parse_filter(std::string_view filter, const TwinId& identity) {
    if (eat(filter, "$iothub/")) return parse_hub_filter(filter);
    if (!eat(filter, "devices/")) return std::nullopt;
    if (!identity.is_module()) {
        if (filter == "+/messages/devicebound/#") return Filter{Subscription::cloud_to_device, {}};
        if (eat(filter, identity.device.text()) && filter == "/messages/devicebound/#")
            return Filter{Subscription::cloud_to_device, {}};
        return std::nullopt;
    }
    if (eat(filter, identity.device.text()) && eat(filter, "/modules/") &&
        eat(filter, identity.module.text()) && (filter == "/#" || filter == "/inputs/#"))
        return Filter{Subscription::module_inputs, {}};
    return std::nullopt;
}

}  // namespace twinhub::protocol::mqtt
