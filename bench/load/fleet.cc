#include "fleet.h"

namespace twinhub::load {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::uint64_t turn_ns_max = 100'000'000;
constexpr std::uint64_t ports_per_source = 20'000;  // of the 28,232 ephemeral ports

}  // namespace

Fleet::Fleet(Reactor& reactor, const TlsContext& tls, const DeviceSettings& settings,
             std::uint64_t first, std::uint64_t count)
    : reactor_(reactor) {
    devices_.reserve(count);
    for (std::uint64_t number = first; number < first + count; ++number)
        devices_.push_back(std::make_unique<MqttDevice>(reactor, tls, settings, *this, number));
}

std::size_t Fleet::connect_all(std::size_t at_once, std::uint64_t seconds_max) {
    const std::uint64_t give_up = now_ns() + seconds_max * nanoseconds_per_second;
    settled_count_ = 0;
    std::size_t started = 0;
    std::size_t next = 0;
    while (now_ns() < give_up) {
        for (; next < devices_.size() && started - settled_count_ < at_once; ++next) {
            if (devices_[next]->is_connected()) continue;
            ++started;
            devices_[next]->start(static_cast<unsigned>(next / ports_per_source));
        }
        if (next == devices_.size() && settled_count_ >= started) break;
        reactor_.turn(now_ns() + turn_ns_max);
    }
    return connected_count_;
}

void Fleet::connected(MqttDevice& device) {
    ++connected_count_;
    ++settled_count_;
    if (on_connected) on_connected(device);
}

void Fleet::answered(MqttDevice& device, RequestKind kind, std::uint64_t since_ns,
                     const Answer& answer) {
    if (on_answered) on_answered(device, kind, since_ns, answer);
}

void Fleet::lost(MqttDevice& device, std::string_view why) {
    ++losses_[std::string(why)];
    if (device.is_connected()) {
        --connected_count_;
    } else {
        ++settled_count_;
    }
    if (on_lost) on_lost(device);
}

}  // namespace twinhub::load
