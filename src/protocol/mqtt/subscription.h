#pragma once

#include "base/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::mqtt {

// What a connection may subscribe to (spec device-protocols 1.9). The numbers are stored with the
// session of a device: never change one.
enum class Subscription : std::uint16_t {
    twin_responses = 1,                 // $iothub/twin/res/#
    desired = 2,                        // $iothub/twin/PATCH/properties/desired/#
    methods = 4,                        // $iothub/methods/POST/#
    cloud_to_device = 8,                // devices/{id}/messages/devicebound/#, devices only
    module_inputs = 16,                 // devices/{id}/modules/{id}/inputs/#, modules only
    cloud_to_device_acknowledged = 32,  // granted with QoS 1
    module_inputs_acknowledged = 64,
};

// A set of them.
class SubscriptionMask {
public:
    constexpr SubscriptionMask() = default;
    constexpr explicit SubscriptionMask(std::uint16_t bits) : bits_(bits) {}
    constexpr SubscriptionMask(Subscription one) : bits_(static_cast<std::uint16_t>(one)) {}

    constexpr bool has(Subscription one) const {
        return (bits_ & static_cast<std::uint16_t>(one)) != 0;
    }
    constexpr SubscriptionMask with(SubscriptionMask more) const {
        return SubscriptionMask(static_cast<std::uint16_t>(bits_ | more.bits_));
    }
    constexpr SubscriptionMask without(SubscriptionMask less) const {
        return SubscriptionMask(static_cast<std::uint16_t>(bits_ & ~less.bits_));
    }
    constexpr std::uint16_t bits() const { return bits_; }
    constexpr bool empty() const { return bits_ == 0; }
    friend constexpr bool operator==(SubscriptionMask, SubscriptionMask) = default;

private:
    std::uint16_t bits_ = 0;
};

// What a session is subscribed to; outlives the connection with clean session 0 (1.4).
struct Subscriptions {
    SubscriptionMask mask;
    std::vector<std::string> methods;  // of $iothub/methods/POST/{name}/#, sorted

    bool empty() const { return mask.empty() && methods.empty(); }
    std::size_t count() const;  // filters, for the limit of a session
    bool wants_method(std::string_view name) const;
    friend bool operator==(const Subscriptions&, const Subscriptions&) = default;
};

// A filter that the hub serves.
struct Filter {
    Subscription kind = Subscription::twin_responses;
    std::string_view method;  // only for a single method's filter

    friend bool operator==(const Filter&, const Filter&) = default;
};

// Compared as text with the filters of 1.9 for this identity, `+` standing for its own device id in
// the devicebound one. Nothing for any other.
std::optional<Filter> parse_filter(std::string_view filter, const TwinId& identity);

}  // namespace twinhub::protocol::mqtt
