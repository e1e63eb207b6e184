#pragma once

#include "base/json.h"
#include "twin/twin.h"
#include "twin/update.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// A place of one twin that a rollout gave another value: what stands in the evidence, so that it
// can be put back exactly.
struct ChangedLeaf {
    twin::Part part = twin::Part::desired;
    std::string path;                   // below the part, keys joined by dots
    std::optional<json::value> before;  // nothing: it was not there
    std::optional<json::value> after;   // nothing: the rollout removed it
    std::uint32_t kept = 0;  // so many of its parents were there before; the others came with it

    friend bool operator==(const ChangedLeaf&, const ChangedLeaf&) = default;
};

// What a rollout writes into every one of its twins. Pure.
class Touch {
public:
    // From a patch or from the content of a configuration. Errors: argument_invalid with the path.
    static Result<Touch> of(const std::optional<json::object>& patch,
                            const std::optional<json::object>& content);

    // The update that makes a twin as it is wanted and names only what differs; nothing when it is
    // so already. Errors: argument_invalid for names and values that together go too deep.
    struct Step {
        std::optional<twin::ServiceUpdate> update;
        std::vector<ChangedLeaf> leaves;
    };
    Result<Step> step(const twin::Twin& now) const;

    // Desired properties that get a value, whose drift tells how far a device is.
    const std::vector<std::string>& desired_paths() const { return desired_paths_; }
    // Every place that may be written: "tags.ring", "properties.desired.fan.speed".
    const std::vector<std::string>& paths() const { return paths_; }
    bool is_for_modules() const { return modules_; }
    bool is_for_devices() const { return !modules_; }

private:
    // One value at a path, in place of whatever stands there.
    struct Setting {
        std::string path;
        json::value value;
    };
    std::optional<json::object> tags_;     // to be merged
    std::optional<json::object> desired_;  // the same
    std::vector<Setting> settings_;        // of desired
    std::vector<std::string> desired_paths_, paths_;
    bool modules_ = false;
};

// The way back of one twin: each place that still holds what the rollout wrote gets its earlier
// value; the others belong to whoever wrote them since.
struct WayBack {
    std::optional<twin::ServiceUpdate> update;  // nothing: there is nothing to put back
    std::uint32_t restored = 0;
    std::uint32_t skipped = 0;
};
Result<WayBack> way_back(const std::vector<ChangedLeaf>& leaves, const twin::Twin& now);

}  // namespace twinhub::hub
