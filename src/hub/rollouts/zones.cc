#include "hub/rollouts/zones.h"

#include "base/zone_files.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

// More than there are: names come from tags, which anybody may make up.
constexpr std::size_t known_max = 2000;

}  // namespace

Zones::Found Zones::find(std::string_view name) {
    if (!is_zone_name(name)) return {true, nullptr};
    const std::scoped_lock lock(mutex_);
    if (const auto found = known_.find(name); found != known_.end()) return {true, found->second};
    if (known_.size() + wanted_.size() >= known_max) return {true, nullptr};
    if (std::ranges::find(wanted_, name) == wanted_.end()) wanted_.emplace_back(name);
    return {};
}

bool Zones::has_wishes() const {
    const std::scoped_lock lock(mutex_);
    return !wanted_.empty();
}

void Zones::load() {
    std::vector<std::string> names;
    {
        const std::scoped_lock lock(mutex_);
        names = wanted_;
    }
    for (std::string& name : names) {
        const auto read = read_time_zone(folder_, name);
        const std::scoped_lock lock(mutex_);
        known_[name] = read ? std::make_shared<const TimeZone>(*read) : nullptr;
        std::erase(wanted_, name);
    }
}

}  // namespace twinhub::hub
