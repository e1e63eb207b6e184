#include "twin/apply.h"

#include "twin/merge.h"
#include "twin/notification.h"
#include "twin/stamps.h"

namespace twinhub::twin {
namespace {

// Only growth beyond the limit is refused, so that a part that is too large can be repaired.
Result<> check_size(Part part, std::size_t before, std::size_t after) {
    if (after <= size_max_of(part) || after <= before) return {};
    const std::string path(path_of(part));
    return failure(Code::argument_invalid,
                   "The size of " + path + " would be " + std::to_string(after) +
                       ", the limit is " + std::to_string(size_max_of(part)),
                   path);
}

// Writes one part of `applied.next` and notes it in the change, whose `after` is already set.
Result<> write_part(Applied& applied, Part part, Patch patch) {
    const Stamp stamp = stamp_of(part, applied.change.at, applied.change.after);
    Node& root = applied.next.part(part);
    Undo inverse;
    Node written = write(root, patch, stamp, &inverse);
    TRY_VOID(check_size(part, root.size(), written.size()));
    if (part == Part::desired)
        applied.notification =
            Notification{stamp.version, notification_body(patch, root, stamp.version)};
    root = std::move(written);
    applied.change.part(part) = PartChange{std::move(patch), std::move(inverse)};
    return {};
}

Applied start(const Twin& twin, Operation operation, Instant now) {
    Applied applied{.next = twin, .change = {}, .notification = {}};
    applied.change.operation = operation;
    applied.change.at = now;
    applied.change.before = twin.versions;
    applied.change.after = twin.versions;
    return applied;
}

}  // namespace

Result<Applied> apply(const Twin& twin, ServiceUpdate update, Instant now) {
    const bool replace = update.kind == Kind::replace;
    Applied applied = start(twin, replace ? Operation::replace : Operation::patch, now);

    // A replacement also writes what it leaves out, where there is something to clear.
    const auto clear_if_left_out = [&](Part part, std::optional<Patch>& patch) {
        if (replace && !patch && !twin.part(part).object().members.empty())
            patch = Patch::trusted({}, Patch::Mode::replace);
    };
    clear_if_left_out(Part::tags, update.tags);
    clear_if_left_out(Part::desired, update.desired);

    Versions& after = applied.change.after;
    if (update.tags || update.desired || replace) {
        ++after.version;
        ++after.etag;
    }
    if (update.desired) ++after.desired;
    applied.next.versions = after;
    if (update.tags) TRY_VOID(write_part(applied, Part::tags, std::move(*update.tags)));
    if (update.desired) TRY_VOID(write_part(applied, Part::desired, std::move(*update.desired)));
    return applied;
}

Result<Applied> apply_report(const Twin& twin, Patch patch,
                             std::optional<std::uint64_t> base_version, Instant now) {
    if (base_version && *base_version != twin.versions.reported)
        return failure(Code::precondition_failed,
                       "The reported properties have version " +
                           std::to_string(twin.versions.reported) + ", the patch is for version " +
                           std::to_string(*base_version),
                       "$version");
    Applied applied = start(twin, Operation::report, now);
    ++applied.change.after.version;
    ++applied.change.after.reported;
    applied.next.versions = applied.change.after;
    TRY_VOID(write_part(applied, Part::reported, std::move(patch)));
    return applied;
}

Result<Applied> apply_reset(const Twin& twin, ServiceUpdate initial, Instant now) {
    Applied applied = start(twin, Operation::replace, now);
    const auto holds = [&](Part part) { return !twin.part(part).object().members.empty(); };
    const auto wanted = [](std::optional<Patch>& patch) {
        return patch ? Patch::trusted(patch->body(), Patch::Mode::replace)
                     : Patch::trusted({}, Patch::Mode::replace);
    };
    const bool tags = initial.tags || holds(Part::tags);
    const bool desired = initial.desired || holds(Part::desired);
    const bool reported = holds(Part::reported);
    Versions& after = applied.change.after;
    ++after.version;
    ++after.etag;
    if (desired) ++after.desired;
    if (reported) ++after.reported;
    applied.next.versions = after;
    if (tags) TRY_VOID(write_part(applied, Part::tags, wanted(initial.tags)));
    if (desired) TRY_VOID(write_part(applied, Part::desired, wanted(initial.desired)));
    if (reported)
        TRY_VOID(write_part(applied, Part::reported, Patch::trusted({}, Patch::Mode::replace)));
    return applied;
}

Result<Twin> fresh_with(const ServiceUpdate& initial, Instant created) {
    Twin twin = fresh(created);
    const auto fill = [&](Part part, const std::optional<Patch>& patch) -> Result<> {
        if (!patch || patch->body().empty()) return {};
        twin.part(part) = build(patch->body(), stamp_of(part, created, twin.versions));
        return check_size(part, 0, twin.part(part).size());
    };
    TRY_VOID(fill(Part::tags, initial.tags));
    TRY_VOID(fill(Part::desired, initial.desired));
    return twin;
}

}  // namespace twinhub::twin
