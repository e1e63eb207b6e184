#include "hub/changes/change_filter.h"

#include "twin/change_leaves.h"
#include "twin/codec.h"

#include <array>
#include <utility>

namespace twinhub::hub {
namespace {

constexpr std::array causes{
    std::pair(Cause::service, std::string_view("rest")),
    std::pair(Cause::device, std::string_view("device")),
    std::pair(Cause::provisioning, std::string_view("provisioning")),
    std::pair(Cause::job, std::string_view("job")),
    std::pair(Cause::configuration, std::string_view("configuration")),
    std::pair(Cause::rollback, std::string_view("rollback")),
    std::pair(Cause::import, std::string_view("import")),
    std::pair(Cause::rollout, std::string_view("rollout")),
};
static_assert(causes.size() == static_cast<std::size_t>(last_cause) + 1);

bool is_whole(const ChangeRecord& change) {
    return (change.kind == ChangeKind::created || change.kind == ChangeKind::deleted) &&
           !change.detail.empty();
}

}  // namespace

Result<Cause> parse_cause(std::string_view text) {
    std::string known;
    for (const auto& [cause, name] : causes) {
        if (name == text) return cause;
        known += known.empty() ? "" : ", ";
        known += name;
    }
    return failure(Code::argument_invalid, "The cause must be one of " + known, "cause");
}

std::string_view name_of(Cause cause) {
    for (const auto& [each, name] : causes)
        if (each == cause) return name;
    return "unknown";
}

Result<ToldLeaves> told_leaves(const ChangeRecord& change, const HistoryFilter& filter) {
    ToldLeaves told;
    if (change.kind == ChangeKind::twin) {
        told.leaves = leaves_of(change, filter);
    } else if (is_whole(change)) {
        TRY(told.whole, twin::decode_twin(change.detail));
        told.leaves = twin::held_leaves(*told.whole);
        if (change.kind == ChangeKind::created)
            for (twin::TouchedLeaf& leaf : told.leaves) std::swap(leaf.before, leaf.after);
        keep_matching(told.leaves, filter);
    } else if (change.kind == ChangeKind::created) {
        told.whole = twin::fresh(change.at);
    }
    return told;
}

Result<bool> matches(const ChangeRecord& change, const ChangeFilter& filter) {
    if (filter.cause && change.author.cause != *filter.cause) return false;
    if (filter.twin && change.id != *filter.twin) return false;
    if (filter.device && change.id.device != *filter.device) return false;
    if (!is_whole(change) || filter.content.path.empty()) return matches(change, filter.content);
    if (!filter.content.author.empty() && author_name(change) != filter.content.author)
        return false;
    TRY(const ToldLeaves told, told_leaves(change, filter.content));
    return !told.leaves.empty();
}

}  // namespace twinhub::hub
