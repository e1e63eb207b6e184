#include "twin/drift/verdict.h"

#include "base/encoding.h"
#include "twin/drift/paths.h"

#include <algorithm>
#include <cmath>

namespace twinhub::twin::drift {
namespace {

std::optional<std::int64_t> whole_number(const Node* node) {
    if (node == nullptr || node->is_object()) return std::nullopt;
    if (const auto* integer = node->leaf().if_int64()) return *integer;
    const auto* number = node->leaf().if_double();
    if (number == nullptr || std::abs(*number) > 9e15) return std::nullopt;
    return static_cast<std::int64_t>(std::floor(*number));
}

std::optional<std::string_view> text(const Node* node) {
    if (node == nullptr || node->is_object() || !node->leaf().is_string()) return std::nullopt;
    return std::string_view(node->leaf().get_string());
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(
        words, [&](std::string_view other) { return equals_ignoring_case(word, other); });
}

bool is_leaf(const Node& node) { return !node.is_object() || node.object().members.empty(); }

}  // namespace

std::optional<Acknowledgement> acknowledgement(const Node& reported) {
    if (!reported.is_object()) return std::nullopt;
    const auto code = whole_number(reported.find("ac"));
    const auto version = whole_number(reported.find("av"));
    if (!code || !version) return std::nullopt;
    return Acknowledgement{.code = *code,
                           .version = *version,
                           .words = text(reported.find("ad")).value_or(""),
                           .value = reported.find("value"),
                           .at = reported.stamp().updated};
}

Judge::Judge(const Twin& twin, const Policy& policy, bool is_edge_runtime)
    : twin_(twin), policy_(policy, twin.tags), edge_(is_edge_runtime && policy_.twin().edge) {}

Judge::Way Judge::root() const {
    Way way;
    way.reported = &twin_.reported;
    way.desired = twin_.desired.stamp();
    if (acknowledgement(twin_.reported)) way.acknowledgement = &twin_.reported;
    return way;
}

// One step down by `key`, to `desired` where something is desired.
Judge::Way Judge::below(const Way& way, std::string_view key, const Node& desired,
                        bool is_desired) const {
    Way next = way;
    if (is_desired) {
        if (desired.stamp().version != 0) next.desired.version = desired.stamp().version;
        if (desired.stamp().updated != Instant{}) next.desired.updated = desired.stamp().updated;
    }
    if (way.acknowledgement != nullptr) {
        // From the acknowledgement on it is its value that mirrors.
        const Node* from = way.reported;
        if (from == way.acknowledgement) from = from->find("value");
        next.reported = from == nullptr ? nullptr : from->find(key);
        return next;
    }
    next.reported = way.reported == nullptr ? nullptr : way.reported->find(key);
    if (next.reported == nullptr) return next;
    if (acknowledgement(*next.reported)) next.acknowledgement = next.reported;
    const Node* status = next.reported->find("status");
    const bool is_wanted = is_desired && desired.find("status") != nullptr;
    if (text(status) && !is_wanted) next.status = status;
    return next;
}

template <class Visit>
void Judge::walk(const Node& desired, Way way, std::string& path, std::size_t depth,
                 Visit&& visit) const {
    if (is_leaf(desired)) {
        if (depth > 0) visit(path, desired, way);
        return;
    }
    const std::size_t length = path.size();
    for (const Member& member : desired.object().members) {
        if (is_skipped(member.key)) continue;
        append_key(path, depth, member.key);
        walk(member.node, below(way, member.key, member.node, true), path, depth + 1, visit);
        path.resize(length);
    }
}

std::vector<BaseProperty> Judge::all() const {
    std::vector<BaseProperty> found;
    std::string path;
    walk(twin_.desired, root(), path, 0,
         [&](const std::string& at, const Node& desired, const Way& way) {
             const PropertyRules rules = policy_.property(at);
             if (rules.tracked) found.push_back(judged(at, desired, way, rules));
         });
    if (!policy_.twin().strict) return found;
    for (const Surplus& extra : surplus()) {
        if (extra.kind == Surplus::Kind::own || !policy_.property(extra.path).tracked) continue;
        const Node* reported = node_at(twin_.reported, keys_of(extra.path));
        Verdict verdict{.state = State::drifted, .reason = Reason::extra};
        verdict.since = reported->stamp().updated;
        found.push_back({extra.path, std::move(verdict), nullptr, reported});
    }
    return found;
}

std::optional<Judge::Way> Judge::way_to(const std::vector<std::string_view>& keys,
                                        const Node*& desired) const {
    desired = &twin_.desired;
    Way way = root();
    for (const std::string_view key : keys) {
        desired = is_skipped(key) ? nullptr : desired->find(key);
        if (desired == nullptr) return std::nullopt;
        way = below(way, key, *desired, true);
    }
    return way;
}

std::vector<BaseProperty> Judge::at(std::string_view path) const {
    std::vector<BaseProperty> found;
    const Keys keys = keys_of(path);
    const Node* desired = nullptr;
    const auto way = way_to(keys, desired);
    if (!way) return found;
    std::string below(path);
    walk(*desired, *way, below, keys.size(),
         [&](const std::string& at, const Node& node, const Way& its) {
             const PropertyRules rules = policy_.property(at);
             if (rules.tracked) found.push_back(judged(at, node, its, rules));
         });
    return found;
}

std::optional<BaseProperty> Judge::property(std::string_view path) const {
    const Node* desired = nullptr;
    const auto way = way_to(keys_of(path), desired);
    if (!way || !is_leaf(*desired)) return std::nullopt;
    const PropertyRules rules = policy_.property(path);
    if (!rules.tracked) return std::nullopt;
    return judged(std::string(path), *desired, *way, rules);
}

BaseProperty Judge::judged(std::string path, const Node& desired, const Way& way,
                           const PropertyRules& rules) const {
    BaseProperty property{std::move(path), verdict(desired, way, rules), &desired, way.reported};
    if (way.acknowledgement != nullptr && way.reported == way.acknowledgement)
        property.reported = way.reported->find("value");
    return property;
}

Verdict Judge::verdict(const Node& desired, const Way& way, const PropertyRules& rules) const {
    Verdict verdict;
    verdict.desired_at = way.desired.updated;
    verdict.desired_version = way.desired.version;
    verdict.since = verdict.desired_at;
    if (edge_ && by_edge(verdict)) return verdict;
    if (by_document(verdict)) return verdict;
    if (way.acknowledgement != nullptr) {
        by_acknowledgement(verdict, desired, way, rules);
    } else if (!by_status(verdict, way)) {
        by_mirror(verdict, desired, way, rules);
    }
    return verdict;
}

// The edge runtime answers for its whole document.
bool Judge::by_edge(Verdict& verdict) const {
    const Node* answered = twin_.reported.find("lastDesiredVersion");
    const auto version = whole_number(answered);
    verdict.acknowledged_version = version;
    verdict.state = State::pending;
    verdict.reason = version ? Reason::ack_behind : Reason::unreported;
    verdict.since = twin_.desired.stamp().updated;
    if (version != static_cast<std::int64_t>(twin_.versions.desired)) return true;
    const Node* status = twin_.reported.find("lastDesiredStatus");
    verdict.code = status == nullptr ? std::nullopt : whole_number(status->find("code"));
    if (!verdict.code) {
        verdict.reason = Reason::in_progress;
        return true;
    }
    verdict.words = text(status->find("description")).value_or("");
    verdict.since = std::max(verdict.since, status->stamp().updated);
    verdict.state = *verdict.code == 200 ? State::converged : State::rejected;
    verdict.reason = *verdict.code == 200   ? Reason::acknowledged
                     : *verdict.code >= 500 ? Reason::failed
                                            : Reason::refused;
    return true;
}

// True when the version of desired that the device says it has is too old to judge anything else.
bool Judge::by_document(Verdict& verdict) const {
    if (policy_.twin().document_ack.empty()) return false;
    const auto version =
        whole_number(node_at(twin_.reported, keys_of(policy_.twin().document_ack)));
    if (!version) return false;
    verdict.acknowledged_version = version;
    if (*version >= static_cast<std::int64_t>(verdict.desired_version)) return false;
    verdict.reason = Reason::ack_behind;
    return true;
}

// Rules 1 to 5.
void Judge::by_acknowledgement(Verdict& verdict, const Node& desired, const Way& way,
                               const PropertyRules& rules) const {
    const Acknowledgement ack = *acknowledgement(*way.acknowledgement);
    verdict.code = ack.code;
    verdict.words = ack.words;
    verdict.acknowledged_version = ack.version;
    if (ack.version < static_cast<std::int64_t>(verdict.desired_version)) {
        verdict.reason = Reason::ack_behind;
        return;
    }
    if (ack.code == 202) {
        verdict.reason = Reason::in_progress;
        return;
    }
    verdict.since = std::max(verdict.since, ack.at);
    if (ack.code >= 400) {
        verdict.state = State::rejected;
        verdict.reason = ack.code >= 500 ? Reason::failed : Reason::refused;
        return;
    }
    const Node* value = way.reported == way.acknowledgement ? ack.value : way.reported;
    const bool same = value != nullptr && matches(desired, *value, rules.tolerance);
    verdict.state = same ? State::converged : State::drifted;
    verdict.reason = same ? Reason::acknowledged : Reason::adjusted;
}

// True when what the device says it does decides. An answer to an older value decides nothing.
bool Judge::by_status(Verdict& verdict, const Way& way) const {
    if (!policy_.twin().status_sibling || way.status == nullptr) return false;
    const std::string_view status = *text(way.status);
    if (is_one_of(status, {"pending", "inprogress", "applying"})) {
        verdict.reason = Reason::in_progress;
        verdict.words = status;
        return true;
    }
    if (!is_one_of(status, {"error", "failed", "rejected"})) return false;
    if (way.status->stamp().updated < verdict.desired_at) return false;
    verdict.state = State::rejected;
    verdict.reason = Reason::failed;
    verdict.words = status;
    verdict.since = std::max(verdict.since, way.status->stamp().updated);
    return true;
}

// Rules 6 to 9.
void Judge::by_mirror(Verdict& verdict, const Node& desired, const Way& way,
                      const PropertyRules& rules) const {
    if (way.reported == nullptr) {
        verdict.reason = Reason::unreported;
        return;
    }
    const Instant reported_at = way.reported->stamp().updated;
    if (matches(desired, *way.reported, rules.tolerance)) {
        verdict.state = State::converged;
        verdict.reason = Reason::mirrored;
        verdict.since = std::max(verdict.desired_at, reported_at);
    } else if (reported_at < verdict.desired_at) {
        verdict.reason = Reason::report_older;
    } else {
        verdict.state = State::drifted;
        verdict.reason = Reason::differs;
        verdict.since = reported_at;
    }
}

std::vector<Surplus> Judge::surplus() const {
    std::vector<Surplus> found;
    std::string path;
    if (!acknowledgement(twin_.reported))
        find_surplus(&twin_.desired, twin_.reported, path, 0, found);
    return found;
}

void Judge::find_surplus(const Node* desired, const Node& reported, std::string& path,
                         std::size_t depth, std::vector<Surplus>& found) const {
    // What answers a leaf, or is an answer whole, is no surplus, whatever is in it.
    if (desired != nullptr && depth > 0 && (is_leaf(*desired) || !reported.is_object())) return;
    const auto ack = acknowledgement(reported);
    if (ack && desired != nullptr) return;
    if (ack) {
        const auto kind = ack->code == 203   ? Surplus::Kind::own
                          : ack->version > 0 ? Surplus::Kind::orphan
                                             : Surplus::Kind::extra;
        found.push_back({path, kind});
        return;
    }
    if (is_leaf(reported)) {
        if (depth > 0) found.push_back({path, Surplus::Kind::extra});
        return;
    }
    const std::size_t length = path.size();
    for (const Member& member : reported.object().members) {
        if (is_skipped(member.key)) continue;
        append_key(path, depth, member.key);
        find_surplus(desired == nullptr ? nullptr : desired->find(member.key), member.node, path,
                     depth + 1, found);
        path.resize(length);
    }
}

}  // namespace twinhub::twin::drift
