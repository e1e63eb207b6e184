#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "twin/drift/standing.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

struct State;

// How a twin stands by its documents, with what its last change moved: goes with its state, and
// into its stored document, so that times survive a restart (ADR 0013).
struct Drift {
    twin::drift::Standing standing;
    std::vector<twin::drift::Moved> moved;  // by the change that led here; not stored
    std::uint64_t policy = 0;               // fingerprint of the policy that it was judged by
};
using DriftPtr = std::shared_ptr<const Drift>;

// Modules of the edge runtime answer for their whole document.
inline bool is_edge_runtime(const TwinId& id) { return id.module.text().starts_with("$edge"); }

// Judges twins as they change. Pure, but for the policy that it borrows.
class DriftJudge {
public:
    explicit DriftJudge(const twin::drift::Policy& policy);

    // Of a twin that nobody watched until now.
    DriftPtr first(const TwinId& id, const twin::Twin& twin) const;
    // That of the state, judged by the policy in force: one that was judged by another is judged
    // anew, and keeps its times where it stands the same.
    DriftPtr known(const TwinId& id, const State& state) const;
    // After a change of `before` to `twin`. The same as before when nothing moved.
    DriftPtr next(const TwinId& id, const State& before, const twin::Twin& twin,
                  const twin::Change& change) const;
    bool is_current(const Drift& drift) const { return drift.policy == fingerprint_; }

    const twin::drift::Policy& policy() const { return policy_; }
    // No property may be stale sooner than this after its device was asked, or came.
    Ticks pending_timeout_min() const { return pending_timeout_min_; }

private:
    const twin::drift::Policy& policy_;
    std::uint64_t fingerprint_;
    Ticks pending_timeout_min_;
};

// Stored within a twin's document; formats only grow.
void append_encoded(std::string& out, const Drift& drift);
Result<Drift> decode_drift(std::string_view bytes);

}  // namespace twinhub::hub
