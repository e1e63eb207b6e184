#include "provisioning/hubs/links.h"

#include "base/encoding.h"
#include "provisioning/limits.h"

#include <algorithm>

namespace twinhub::provisioning {

void Links::put(HubLink link) {
    std::string host = ascii_lower(link.host);
    const std::lock_guard lock(mutex_);
    told_.erase(host);  // it may be reached in another way now
    foreign_.insert_or_assign(std::move(host), std::make_shared<const HubLink>(std::move(link)));
}

void Links::remove(std::string_view host) {
    const std::lock_guard lock(mutex_);
    foreign_.erase(ascii_lower(host));
    told_.erase(ascii_lower(host));
}

std::shared_ptr<const HubLink> Links::find(std::string_view host) const {
    const std::lock_guard lock(mutex_);
    const auto found = foreign_.find(ascii_lower(host));
    return found == foreign_.end() ? nullptr : found->second;
}

bool Links::is_own(std::string_view host) const {
    return std::ranges::any_of(
        own_, [&](const LinkedHub& hub) { return equals_ignoring_case(hub.host, host); });
}

std::size_t Links::size() const {
    const std::lock_guard lock(mutex_);
    return foreign_.size();
}

std::int64_t Links::count_of(const std::string& host) const {
    const auto found = counts_.find(host);
    return found == counts_.end() ? 0 : std::max<std::int64_t>(found->second, 0);
}

std::vector<std::shared_ptr<const HubLink>> Links::foreign() const {
    std::vector<std::shared_ptr<const HubLink>> links;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [host, link] : foreign_) links.push_back(link);
    }
    std::ranges::sort(links, {}, [](const auto& link) { return ascii_lower(link->host); });
    return links;
}

std::vector<LinkedHub> Links::hubs() const {
    std::vector<LinkedHub> hubs = own_;
    for (const auto& link : foreign())
        hubs.push_back({.host = link->host,
                        .weight = link->weight,
                        .assigned = 0,
                        .is_own = false,
                        .applies = link->applies});
    const std::lock_guard lock(mutex_);
    for (LinkedHub& hub : hubs)
        hub.assigned = static_cast<std::uint64_t>(count_of(ascii_lower(hub.host)));
    return hubs;
}

std::vector<std::string> Links::hosts() const {
    std::vector<std::string> hosts;
    for (LinkedHub& hub : hubs()) hosts.push_back(std::move(hub.host));
    return hosts;
}

void Links::count(std::string_view host, std::int64_t by) {
    const std::lock_guard lock(mutex_);
    counts_[ascii_lower(host)] += by;
    if (is_own(host)) counts_[{}] += by;
}

Links::Load Links::load(std::string_view host, Moment now) {
    const std::string name = ascii_lower(host);
    const std::lock_guard lock(mutex_);
    Told& told = told_[name];
    Load load;
    if (told.devices && now < told.believed_until) {
        const auto since = count_of(name) - told.assigned_then;
        const auto sum = static_cast<std::int64_t>(*told.devices) + since;
        load.devices = static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
    }
    load.is_due = now >= told.ask_again;
    // While one asks, the others go on with what was said before.
    if (load.is_due && load.devices) told.ask_again = now + load_pause;
    return load;
}

void Links::told(std::string_view host, std::uint64_t devices, Moment now) {
    const std::string name = ascii_lower(host);
    const std::lock_guard lock(mutex_);
    told_[name] = {.devices = devices,
                   .assigned_then = count_of(name),
                   .ask_again = now + load_age,
                   .believed_until = now + 2 * load_age};
}

void Links::silent(std::string_view host, Moment now) {
    const std::lock_guard lock(mutex_);
    told_[ascii_lower(host)].ask_again = now + load_pause;
}

}  // namespace twinhub::provisioning
