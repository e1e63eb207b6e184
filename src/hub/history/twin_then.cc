#include "hub/history/twin_then.h"

#include "base/json.h"
#include "twin/view.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using By = PastPoint::By;

std::string quoted(const TwinId& id) { return "'" + id.text() + "'"; }

std::unexpected<Error> absent(const TwinId& id, const std::string& when) {
    return failure(id.is_module() ? Code::module_not_found : Code::device_not_found,
                   quoted(id) + " did not exist" + when);
}

std::unexpected<Error> too_far(const TwinId& id) {
    return failure(Code::argument_invalid, "More than " + std::to_string(changes_undone_max) +
                                               " changes of " + quoted(id) +
                                               " are younger: ask for a later moment");
}

std::unexpected<Error> not_kept(const TwinId& id, Instant since) {
    return failure(Code::history_unavailable,
                   "The history of " + quoted(id) + " is kept since " + format_instant(since));
}

std::uint64_t version_of(const twin::Versions& versions, By by) {
    switch (by) {
        case By::desired: return versions.desired;
        case By::reported: return versions.reported;
        default: return versions.version;
    }
}

std::string_view name_of(By by) {
    switch (by) {
        case By::desired: return "desired properties";
        case By::reported: return "reported properties";
        default: return "twin";
    }
}

Result<TwinThen> at_time(const ChangeLog& log, const ChangeLog::Present& present, Instant at) {
    PastTwin now = present.state;
    ChangeWalk walk(log, present);
    Instant oldest = never;  // of the changes seen
    const auto answer = [&]() -> Result<TwinThen> {
        if (!now.exists) return absent(log.id(), " at " + format_instant(at));
        return TwinThen{std::move(now.twin), at};
    };
    bool this_life = present.state.exists;
    for (std::size_t undone = 0;; ++undone) {
        TRY(const std::optional<KeptChange> change, walk.next());
        if (!change) break;
        if (change->record.at <= at) return answer();
        if (undone == changes_undone_max) return too_far(log.id());
        oldest = change->record.at;
        Result<> back = take_back(now, change->record);
        if (!back && back.error().code == Code::history_unavailable)
            return not_kept(log.id(), oldest);
        TRY_VOID(std::move(back));
        this_life = this_life && now.exists;
    }
    // Nothing older is kept. Whatever is forgotten was made before that moment, so what was then is
    // known still.
    TRY(const Instant forgotten, log.forgotten_before());
    if (at < forgotten && (walk.is_cut_off() || !now.exists))
        return not_kept(log.id(), oldest == never ? forgotten : std::min(forgotten, oldest));
    // Came with a load that wrote no changes.
    if (this_life && !walk.is_cut_off() && at < present.created) now.exists = false;
    return answer();
}

Result<TwinThen> at_version(const ChangeLog& log, const ChangeLog::Present& present,
                            const PastPoint& point) {
    if (!present.state.exists) return absent(log.id(), " any more");
    PastTwin now = present.state;
    const auto number = [&] { return version_of(now.twin.versions, point.by); };
    const auto wrong = [&](const std::string& what) {
        return failure(Code::argument_invalid,
                       "The " + std::string(name_of(point.by)) + " of " + quoted(log.id()) + " " +
                           what + std::to_string(number()),
                       "atVersion");
    };
    if (point.number > number()) return wrong("are at version ");
    ChangeWalk walk(log, present);
    Instant oldest = present.created;
    for (std::size_t undone = 0;; ++undone) {
        TRY(const std::optional<KeptChange> change, walk.next());
        if (!change) break;
        if (undone == changes_undone_max) return too_far(log.id());
        oldest = change->record.at;
        PastTwin before = now;
        TRY_VOID(take_back(before, change->record));
        const bool written =
            !before.exists || version_of(before.twin.versions, point.by) < point.number;
        if (written) {
            if (number() != point.number) return wrong("began with version ");
            return TwinThen{std::move(now.twin), oldest};
        }
        now = std::move(before);
    }
    if (walk.is_cut_off()) return not_kept(log.id(), oldest);
    if (number() != point.number) return wrong("began with version ");
    return TwinThen{std::move(now.twin), present.created};
}

}  // namespace

Result<TwinThen> twin_then(const ChangeLog& log, const PastPoint& point) {
    TRY(const ChangeLog::Present present, log.present());
    if (point.by == By::time) return at_time(log, present, point.at);
    return at_version(log, present, point);
}

void append_twin_then(std::string& out, const TwinId& id, const twin::Twin& twin) {
    const auto member = [&out](std::string_view name, const std::string& text) {
        out += name;
        append_json_string(out, text);
    };
    member(R"({"deviceId":)", id.device.text());
    if (id.is_module()) member(R"(,"moduleId":)", id.module.text());
    if (!twin.model_id.empty()) member(R"(,"modelId":)", twin.model_id);
    member(R"(,"etag":)", twin.etag());
    out += R"(,"version":)";
    append_json_number(out, twin.versions.version);
    out += R"(,"tags":)";
    append_section(out, twin, twin::Part::tags, twin::Metadata::with);
    out += R"(,"properties":{"desired":)";
    append_section(out, twin, twin::Part::desired, twin::Metadata::with);
    out += R"(,"reported":)";
    append_section(out, twin, twin::Part::reported, twin::Metadata::with);
    out += "}}";
}

}  // namespace twinhub::hub
