#include "hub/connections/connection_rates.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

std::int64_t minute_number(Instant at) {
    return std::chrono::floor<std::chrono::minutes>(at.time_since_epoch()).count();
}
std::int64_t quarter_number(Instant at) {
    using Quarters = std::chrono::duration<std::int64_t, std::ratio<15 * 60>>;
    return std::chrono::floor<Quarters>(at.time_since_epoch()).count();
}

}  // namespace

// When the clock was set back, it goes on counting in the newest minute.
ConnectionMinute& ConnectionRates::minute_of(Instant now) {
    const std::int64_t number = minute_number(now);
    if (minutes_.empty() || minutes_.back().minute < number) {
        minutes_.push_back({.minute = number});
        while (minutes_.front().minute <= number - minutes_kept) minutes_.pop_front();
    }
    return minutes_.back();
}

void ConnectionRates::connected(const TwinId& id, SessionEnd last, Instant now) {
    ++minute_of(now).connects;
    const std::int64_t number = quarter_number(now);
    if (quarters_.empty() || quarters_.back().number < number) {
        quarters_.emplace_back().number = number;
        while (quarters_.front().number <= number - minutes_kept / 15) quarters_.pop_front();
    }
    Quarter& quarter = quarters_.back();
    const auto known = quarter.devices.find(id);
    if (known != quarter.devices.end()) {
        ++known->second.connects;
        known->second.last = last;
        return;
    }
    if (quarter.devices.size() < devices_kept) {
        quarter.devices.emplace(id, Seen{1, last});
        return;
    }
    // Each one that is dropped takes one from all: who comes often stays.
    ++quarter.missed;
    absl::erase_if(quarter.devices, [](auto& each) { return --each.second.connects == 0; });
}

void ConnectionRates::disconnected(SessionEnd why, Instant now) {
    ++minute_of(now).ends[static_cast<std::size_t>(why)];
}

std::vector<ConnectionMinute> ConnectionRates::minutes(Instant since) const {
    const std::int64_t first = minute_number(since);
    std::vector<ConnectionMinute> found;
    for (const ConnectionMinute& minute : minutes_)
        if (minute.minute >= first) found.push_back(minute);
    return found;
}

ConnectionRates::Top ConnectionRates::top(Instant since, std::size_t count) const {
    const std::int64_t first = quarter_number(since);
    absl::flat_hash_map<TwinId, Seen, std::hash<TwinId>> all;
    Top top;
    for (const Quarter& quarter : quarters_) {
        if (quarter.number < first) continue;
        top.missed += quarter.missed;
        for (const auto& [id, seen] : quarter.devices) {
            Seen& sum = all[id];
            sum.connects += seen.connects;
            sum.last = seen.last;
        }
    }
    for (const auto& [id, seen] : all)
        if (seen.connects > 1) top.devices.push_back({id, seen.connects, seen.last});
    std::ranges::sort(top.devices, [](const Reconnecting& a, const Reconnecting& b) {
        return a.connects != b.connects ? a.connects > b.connects : a.id < b.id;
    });
    if (top.devices.size() > count) top.devices.resize(count);
    return top;
}

}  // namespace twinhub::hub
