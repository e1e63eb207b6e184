#pragma once

#include "base/time_zone.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// The time zones that rollouts have asked for. Any thread; reading them from the disk is for the
// pool.
class Zones {
public:
    explicit Zones(std::string folder) : folder_(std::move(folder)) {}

    // Not known: nobody has read it yet, and load() will. nullptr inside: there is no such zone.
    struct Found {
        bool known = false;
        std::shared_ptr<const TimeZone> zone;
    };
    Found find(std::string_view name);

    bool has_wishes() const;
    void load();  // waits for the disk

private:
    std::string folder_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> known_;
    std::vector<std::string> wanted_;
};

}  // namespace twinhub::hub
