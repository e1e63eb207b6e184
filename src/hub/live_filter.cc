#include "hub/live_filter.h"

#include "fleet/scan/projection.h"
#include "query/document_row.h"

#include <algorithm>
#include <array>

namespace twinhub::hub {
namespace {

using query::Segment;

std::uint32_t bit_of(twin::Part part) {
    switch (part) {
        case twin::Part::tags: return ChangedTwin::tags;
        case twin::Part::desired: return ChangedTwin::desired;
        case twin::Part::reported: return ChangedTwin::reported;
    }
    std::unreachable();
}

std::string_view key_at(std::span<const Segment> path, std::size_t index) {
    if (index >= path.size()) return {};
    const auto* key = std::get_if<std::string>(&path[index]);
    return key != nullptr ? std::string_view(*key) : std::string_view();
}

bool is_same_root(const twin::Node& a, const twin::Node& b) {
    return &a.object() == &b.object() && a.stamp() == b.stamp();
}

const twin::Node* find(const twin::Node& root, const std::vector<std::string>& keys) {
    const twin::Node* node = &root;
    for (const std::string& key : keys) {
        // An index leads into an array: the whole of it is watched.
        if (node == nullptr || !node->is_object()) break;
        node = node->find(key);
    }
    return node;
}

// Values alone count; an object that was written again may be taken for another one.
bool is_same(const twin::Node* a, const twin::Node* b) {
    if (a == b) return true;
    if (a == nullptr || b == nullptr || a->is_object() != b->is_object()) return false;
    return a->is_object() ? &a->object() == &b->object() : a->leaf() == b->leaf();
}

}  // namespace

ChangedTwin::ChangedTwin(std::optional<TwinView> was, std::optional<TwinView> is)
    : was_{std::move(was), {}, {}}, is_{std::move(is), {}, {}} {
    if (!was_.view || !is_.view) return;
    const TwinView& before = *was_.view;
    const TwinView& after = *is_.view;
    touched_ = 0;
    for (const twin::Part part : twin::parts)
        if (!is_same_root(before.twin.part(part), after.twin.part(part))) touched_ |= bit_of(part);
    if (before.twin.versions != after.twin.versions) touched_ |= versions;
    if (before.presence.connected != after.presence.connected ||
        before.presence.last_activity != after.presence.last_activity)
        touched_ |= presence;
    if (before.identity != after.identity || before.twin.model_id != after.twin.model_id)
        touched_ |= identity;
}

const ChangedTwin::Side& ChangedTwin::made(Side& side) {
    if (side.text.empty()) {
        append_twin(side.text, *side.view);
        side.document = std::move(parse_json(side.text).value().as_object());
    }
    return side;
}

LiveFilter::LiveFilter(std::shared_ptr<const query::Plan> plan, Instant now)
    : plan_(std::move(plan)), evaluator_(*plan_, now) {
    if (plan_->star) reads_ = reads_whole_ = ChangedTwin::all;
    for (const query::Path& path : plan_->paths) {
        const std::span<const Segment> segments = path.segments;
        const std::string_view root = key_at(segments, 0);
        std::size_t depth = 1;
        Watched watched;
        if (root == "tags") {
            watched.part = twin::Part::tags;
        } else if (root == "properties" && segments.size() > 1) {
            depth = 2;
            watched.part =
                key_at(segments, 1) == "desired" ? twin::Part::desired : twin::Part::reported;
        } else {
            std::uint32_t kind = ChangedTwin::identity;
            if (root == "connectionState" || root == "lastActivityTime")
                kind = ChangedTwin::presence;
            else if (root == "version" || root == "etag") kind = ChangedTwin::versions;
            else if (root == "properties")
                kind = ChangedTwin::desired | ChangedTwin::reported | ChangedTwin::versions;
            reads_ |= kind;
            reads_whole_ |= kind;
            continue;
        }
        if (key_at(segments, depth) == "$version") {
            reads_ |= ChangedTwin::versions;
            reads_whole_ |= ChangedTwin::versions;
            continue;
        }
        reads_ |= bit_of(watched.part);
        for (std::size_t i = depth; i < segments.size(); ++i) {
            const auto* key = std::get_if<std::string>(&segments[i]);
            if (key == nullptr) break;
            watched.keys.push_back(*key);
        }
        if (watched.keys.empty() || watched.keys.front() == "$metadata") {
            const std::uint32_t kind = bit_of(watched.part) | ChangedTwin::versions;
            reads_ |= kind;
            reads_whole_ |= kind;
        } else {
            watched_.push_back(std::move(watched));
        }
    }
}

bool LiveFilter::is_indifferent(const ChangedTwin& change) const {
    const std::uint32_t touched = change.touched();
    if (!change.was() || !change.is() || (touched & reads_whole_) != 0) return false;
    if ((touched & reads_) == 0) return true;
    return std::ranges::all_of(watched_, [&](const Watched& watched) {
        if ((touched & bit_of(watched.part)) == 0) return true;
        return is_same(find(change.was()->twin.part(watched.part), watched.keys),
                       find(change.is()->twin.part(watched.part), watched.keys));
    });
}

bool LiveFilter::passes(const ChangedTwin::Side& side) {
    query::DocumentRow row(*plan_, side.document);
    return evaluator_.passes(row);
}

std::string LiveFilter::row(const ChangedTwin::Side& side) const {
    if (plan_->star && plan_->hidden.empty()) return side.text;
    std::string out;
    if (plan_->hidden.empty()) {
        query::DocumentRow source(*plan_, side.document);
        fleet::append_row(out, *plan_, source);
    } else {
        fleet::append_row(out, *plan_, side.document);
    }
    return out;
}

std::optional<LiveFilter::Verdict> LiveFilter::decide(ChangedTwin& change) {
    const bool before = change.was() && passes(change.document_before());
    const bool after = change.is() && passes(change.document_after());
    if (!before && !after) return std::nullopt;
    if (!after) return Verdict{LiveEvent::Kind::leave, {}};
    std::string now = row(change.document_after());
    if (!before) return Verdict{LiveEvent::Kind::enter, std::move(now)};
    if (now == row(change.document_before())) return std::nullopt;
    return Verdict{LiveEvent::Kind::change, std::move(now)};
}

bool LiveFilter::counts(ChangedTwin& change) {
    return (change.was() && passes(change.document_before())) ||
           (change.is() && passes(change.document_after()));
}

}  // namespace twinhub::hub
