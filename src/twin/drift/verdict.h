#pragma once

#include "base/time.h"
#include "twin/drift/policy.h"
#include "twin/drift/state.h"
#include "twin/twin.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin::drift {

// How one tracked property stands by its documents alone (spec twin-document 15.2, base state):
// converged, pending, drifted or rejected, whoever is connected and whatever the time.
struct Verdict {
    State state = State::pending;
    Reason reason = Reason::unreported;
    std::optional<std::int64_t> code;  // of the acknowledgement, or of the edge runtime's status
    std::string words;                 // of the acknowledgement; or the status that was reported
    Instant since{};                   // when the documents came to say so, as their stamps tell it
    Instant desired_at{};              // lt: when it was last desired
    std::uint64_t desired_version = 0;                 // lv: by which version of desired
    std::optional<std::int64_t> acknowledged_version;  // av

    friend bool operator==(const Verdict&, const Verdict&) = default;
};

// A tracked property with its values. They live as long as the twin; nullptr: not there.
struct BaseProperty {
    std::string path;
    Verdict verdict;
    const Node* desired = nullptr;  // nullptr: reported and not desired (Reason::extra)
    const Node* reported =
        nullptr;  // what it is compared with: below `value` of an acknowledgement
};

// What is reported and not desired, and not counted as drift (spec twin-document 15.2).
struct Surplus {
    enum class Kind : std::uint8_t {
        extra,   // nobody desired it
        orphan,  // an answer to what is no longer desired
        own      // the device's own value, code 203
    };
    std::string path;
    Kind kind = Kind::extra;

    friend bool operator==(const Surplus&, const Surplus&) = default;
};

// Judges the properties of one twin. Borrows the twin and the policy.
class Judge {
public:
    // `is_edge_runtime`: the module id begins with $edge.
    Judge(const Twin& twin, const Policy& policy, bool is_edge_runtime);

    // Every tracked property, in the order of the keys; with a strict policy what is reported and
    // not desired comes behind them.
    std::vector<BaseProperty> all() const;
    // Those at or below a path, without what is not desired.
    std::vector<BaseProperty> at(std::string_view path) const;
    // The property that is exactly there; nothing when there is no leaf or it is not tracked.
    std::optional<BaseProperty> property(std::string_view path) const;
    // In the order of the keys.
    std::vector<Surplus> surplus() const;

    const TwinPolicy& policy() const { return policy_; }

private:
    // What was met on the way from the roots down to a property.
    struct Way {
        const Node* reported = nullptr;  // at the same path
        const Node* acknowledgement = nullptr;
        const Node* status = nullptr;  // of the nearest object that reports one
        Stamp desired;                 // nearest that says so
    };
    template <class Visit>
    void walk(const Node& desired, Way way, std::string& path, std::size_t depth,
              Visit&& visit) const;
    Way root() const;
    Way below(const Way& way, std::string_view key, const Node& desired, bool is_desired) const;
    std::optional<Way> way_to(const std::vector<std::string_view>& keys,
                              const Node*& desired) const;
    BaseProperty judged(std::string path, const Node& desired, const Way& way,
                        const PropertyRules& rules) const;
    Verdict verdict(const Node& desired, const Way& way, const PropertyRules& rules) const;
    bool by_edge(Verdict& verdict) const;
    bool by_document(Verdict& verdict) const;
    void by_acknowledgement(Verdict& verdict, const Node& desired, const Way& way,
                            const PropertyRules& rules) const;
    bool by_status(Verdict& verdict, const Way& way) const;
    void by_mirror(Verdict& verdict, const Node& desired, const Way& way,
                   const PropertyRules& rules) const;
    void find_surplus(const Node* desired, const Node& reported, std::string& path,
                      std::size_t depth, std::vector<Surplus>& found) const;

    const Twin& twin_;
    TwinPolicy policy_;
    bool edge_ = false;
};

// The acknowledgement that stands at a reported node, if one does: it has numbers `ac` and `av`
// (spec twin-document 15.1).
struct Acknowledgement {
    std::int64_t code = 0;
    std::int64_t version = 0;
    std::string_view words;
    const Node* value = nullptr;
    Instant at{};
};
std::optional<Acknowledgement> acknowledgement(const Node& reported);

}  // namespace twinhub::twin::drift
