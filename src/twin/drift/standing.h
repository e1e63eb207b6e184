#pragma once

#include "twin/change.h"
#include "twin/drift/verdict.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin::drift {

// What is kept of a twin's drift beside its documents: how it stands by them, and since when.
// Small, and brought up to date by each change from what the change touched.
struct Standing {
    struct Counts {  // properties by base state
        std::uint32_t converged = 0;
        std::uint32_t pending = 0;
        std::uint32_t drifted = 0;
        std::uint32_t rejected = 0;

        std::uint32_t total() const { return converged + pending + drifted + rejected; }
        std::uint32_t& of(State base);
        friend bool operator==(const Counts&, const Counts&) = default;
    };
    // The first of the worst properties, when it is not converged.
    struct Worst {
        std::string path;
        Reason reason = Reason::none;
        std::optional<std::int64_t> code;
        std::string words;  // cut to `words_bytes_max`

        friend bool operator==(const Worst&, const Worst&) = default;
    };

    Counts counts;
    Worst worst;
    Instant since{};  // when the base state of the twin was last another one
    // When the oldest waiting property was desired, or before that; nothing while none waits.
    std::optional<Instant> waiting_from;
    // The least that any of them may take; a bound, too.
    Ticks pending_timeout_min{};
    // When it last ceased to be converged or untracked; nothing while it is.
    std::optional<Instant> left;
    // How long it took to converge the last time.
    std::optional<Ticks> converge_time;

    State base() const;  // untracked, converged, pending, drifted or rejected

    friend bool operator==(const Standing&, const Standing&) = default;
};

inline constexpr std::size_t words_bytes_max = 256;

// A place in desired whose properties came to stand otherwise: a property, or an object above one.
// Nothing: no tracked property is there any more.
struct Moved {
    std::string path;
    bool is_leaf = true;
    std::optional<State> was;  // base states; of an object the worst below it
    std::optional<State> is;
    std::optional<Instant> desired_at;  // of a leaf that is: when it was last desired

    friend bool operator==(const Moved&, const Moved&) = default;
};

struct Step {
    Standing standing;
    std::vector<Moved> moved;
};

// How a twin stands that nobody watched until now: times are as its stamps tell them.
Step standing_of(const Twin& twin, const Policy& policy, bool is_edge_runtime);

// How it stands after a change, looking only at what the change touched: the same counts and the
// same worst property as `standing_of` would find. `before` is how `was` stood.
Step advance(const Standing& before, const Twin& was, const Twin& is, const Change& change,
             const Policy& policy, bool is_edge_runtime);

}  // namespace twinhub::twin::drift
