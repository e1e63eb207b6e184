#pragma once

#include "base/json.h"
#include "base/time.h"
#include "twin/drift/glob.h"
#include "twin/drift/match.h"
#include "twin/node.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin::drift {

// What holds for one property.
struct PropertyRules {
    bool tracked = true;
    Ticks pending_timeout = std::chrono::seconds{300};  // then a waiting one is stale
    Tolerance tolerance;

    friend bool operator==(const PropertyRules&, const PropertyRules&) = default;
};

// What holds for a whole twin.
struct TwinRules {
    Ticks fresh_for = std::chrono::hours{24};  // how long an absent device's word counts
    Ticks settle{};               // how long a twin must be drifted before anybody is told
    bool strict = false;          // reported keys that nobody desires are drift
    bool edge = true;             // $edgeAgent and $edgeHub answer with lastDesiredVersion
    bool status_sibling = false;  // objects report what they do in a `status` beside the values
    std::string document_ack;     // path in reported that holds a version of desired; "": none

    friend bool operator==(const TwinRules&, const TwinRules&) = default;
};

// Other rules for some properties or some twins. Later ones win.
struct Override {
    Glob paths;  // of properties; the default one: all
    struct TagIs {
        std::string path;  // below tags
        json::value value;

        friend bool operator==(const TagIs&, const TagIs&) = default;
    };
    std::optional<TagIs> tag;  // only twins that have it

    std::optional<bool> tracked;
    std::optional<Ticks> pending_timeout;
    std::optional<Tolerance> tolerance;
    // Of whole twins: without `paths` only.
    std::optional<Ticks> fresh_for;
    std::optional<Ticks> settle;
    std::optional<bool> strict;
    std::optional<bool> edge;
    std::optional<bool> status_sibling;
    std::optional<std::string> document_ack;

    friend bool operator==(const Override&, const Override&) = default;
};

// What an operator says about drift (spec twin-document 15.2: policy).
struct Policy {
    PropertyRules property;
    TwinRules twin;
    std::vector<Override> overrides;

    // Errors: argument_invalid, with the place, for negative times and tolerances and for rules of
    // twins in an override that has paths.
    Result<> check() const;
    // Whether a change of tags can change how drift is judged.
    bool reads_tags() const;
    // Changes with anything that can change a verdict; also from release to release where the rules
    // do. For what was stored by an earlier run.
    std::uint64_t fingerprint() const;

    friend bool operator==(const Policy&, const Policy&) = default;
};

// The policy as it is for one twin. Borrows the policy.
class TwinPolicy {
public:
    TwinPolicy(const Policy& policy, const Node& tags);

    const TwinRules& twin() const { return twin_; }
    PropertyRules property(std::string_view path) const;

private:
    const Policy& policy_;
    TwinRules twin_;
    std::vector<const Override*> overrides_;  // that count for this twin and name properties
};

}  // namespace twinhub::twin::drift
