#pragma once

#include "hub/configurations/configuration.h"
#include "hub/configurations/leaves.h"
#include "hub/configurations/target.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

struct RankedConfiguration {
    ConfigurationPtr configuration;
    std::shared_ptr<const Target> target;
};

// All configurations of a hub at one moment. Immutable and shared by the loops.
class ConfigurationSet {
public:
    ConfigurationSet() = default;
    explicit ConfigurationSet(std::map<std::string, RankedConfiguration, std::less<>> by_id);

    const RankedConfiguration* find(std::string_view id) const;  // nullptr: there is none
    const std::map<std::string, RankedConfiguration, std::less<>>& by_id() const { return by_id_; }
    // The highest rank first.
    const std::vector<const RankedConfiguration*>& ranked() const { return ranked_; }
    bool has_deployments() const { return has_deployments_; }

private:
    std::map<std::string, RankedConfiguration, std::less<>> by_id_;
    std::vector<const RankedConfiguration*> ranked_;  // into by_id_
    bool has_deployments_ = false;
};
using ConfigurationSetPtr = std::shared_ptr<const ConfigurationSet>;

// The device that a module is on, for the deployments that are for it.
struct EdgeDevice {
    const TwinId& id;
    const twin::Twin& twin;
};

// What the configurations that target a twin claim of it, the highest first. Of deployments the
// first whole one counts, and the layered ones that outrank it; the others only stand there (spec
// service-api 9.5.3). `edge`: of a module of an edge device. The claims borrow from the set.
std::vector<Claim> claims_on(const ConfigurationSet& set, const TwinId& id, const twin::Twin& twin,
                             const EdgeDevice* edge, Instant now);

// The modules that the deployments for an edge device need.
std::vector<std::string> modules_needed(const ConfigurationSet& set, const EdgeDevice& edge,
                                        Instant now);

}  // namespace twinhub::hub
