#pragma once

#include "provisioning/allocation.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// The linked hubs with how many devices were assigned to each, as far as registrations say. Safe on
// any thread.
class Loads {
public:
    explicit Loads(std::vector<LinkedHub> hubs);

    void count(std::string_view host, std::int64_t by);
    std::vector<LinkedHub> hubs() const;  // with their loads
    const std::vector<std::string>& hosts() const { return hosts_; }

private:
    std::vector<LinkedHub> hubs_;
    std::vector<std::string> hosts_;
    std::deque<std::atomic<std::int64_t>> counts_;
};

}  // namespace twinhub::provisioning
