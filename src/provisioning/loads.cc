#include "provisioning/loads.h"

#include "base/encoding.h"

#include <algorithm>

namespace twinhub::provisioning {

Loads::Loads(std::vector<LinkedHub> hubs) : hubs_(std::move(hubs)), counts_(hubs_.size()) {
    for (const LinkedHub& hub : hubs_) hosts_.push_back(hub.host);
}

void Loads::count(std::string_view host, std::int64_t by) {
    for (std::size_t i = 0; i < hubs_.size(); ++i)
        if (equals_ignoring_case(hubs_[i].host, host))
            counts_[i].fetch_add(by, std::memory_order_relaxed);
}

std::vector<LinkedHub> Loads::hubs() const {
    std::vector<LinkedHub> hubs = hubs_;
    for (std::size_t i = 0; i < hubs.size(); ++i)
        hubs[i].assigned = static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, counts_[i].load(std::memory_order_relaxed)));
    return hubs;
}

}  // namespace twinhub::provisioning
