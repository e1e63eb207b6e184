#include "hub/twin_check.h"

#include "twin/change_leaves.h"
#include "twin/limits.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

std::vector<TwinCheck::Limit> limits_of(const twin::Twin& twin) {
    return {{"tagsBytes", twin.tags.size(), twin::tags_size_max},
            {"desiredBytes", twin.desired.size(), twin::desired_size_max}};
}

std::optional<json::value> value_of(const json::value* value) {
    return value == nullptr ? std::nullopt : std::optional(*value);
}

std::string author_of_wish(const TwinDrift& now, const twin::drift::Property& property) {
    const auto wish = now.wishes.find(property.verdict.desired_version);
    if (wish == now.wishes.end()) return {};
    const Author& author = wish->second.author;
    return author.on_behalf_of.empty() ? author.principal : author.on_behalf_of;
}

}  // namespace

TwinCheck check_update(const TwinDrift& now, Result<twin::ServiceUpdate> update,
                       const twin::Match& match, Instant at) {
    const twin::Twin& twin = now.view.twin;
    TwinCheck check;
    check.etag = twin.etag();
    check.limits = limits_of(twin);
    if (!match.matches(check.etag)) {
        check.error = Error{Code::precondition_failed, "The twin has another etag by now", {}};
        return check;
    }
    if (!update) {
        check.error = std::move(update).error();
        return check;
    }
    Result<twin::Applied> applied = twin::apply(twin, std::move(*update), at);
    if (!applied) {
        check.error = std::move(applied).error();
        return check;
    }
    check.limits = limits_of(applied->next);
    for (const twin::TouchedLeaf& leaf : twin::touched_leaves(applied->change)) {
        const auto before = value_of(leaf.before);
        const auto after = value_of(leaf.after);
        if (before == after) {
            ++check.unchanged;
            continue;
        }
        check.changes.push_back({leaf.part, leaf.path, before, after});
        if (leaf.part != twin::Part::desired) continue;
        const auto waiting =
            std::ranges::find_if(now.assessment.properties, [&](const auto& property) {
                return property.desired != nullptr && property.path == leaf.path &&
                       is_waiting(property.state);
            });
        if (waiting != now.assessment.properties.end())
            check.replaces_pending.push_back({leaf.path, author_of_wish(now, *waiting)});
    }
    return check;
}

}  // namespace twinhub::hub
