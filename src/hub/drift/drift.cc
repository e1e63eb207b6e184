#include "hub/drift/drift.h"

#include "base/bytes.h"
#include "hub/state.h"

#include <algorithm>

namespace twinhub::hub {

using twin::drift::Standing;
using twin::drift::Step;

namespace {

DriftPtr made(Step step, std::uint64_t fingerprint) {
    return std::make_shared<const Drift>(
        Drift{std::move(step.standing), std::move(step.moved), fingerprint});
}

// Beyond, computing with times might overflow.
constexpr Instant latest{
    std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}.time_since_epoch()};

// What is there besides what always is. Stored: never renumber.
enum Present : std::uint8_t { worst = 1, code = 2, waiting = 4, left = 8, converge_time = 16 };

}  // namespace

DriftJudge::DriftJudge(const twin::drift::Policy& policy)
    : policy_(policy),
      fingerprint_(policy.fingerprint()),
      pending_timeout_min_(policy.property.pending_timeout) {
    for (const auto& one : policy.overrides)
        if (one.pending_timeout)
            pending_timeout_min_ = std::min(pending_timeout_min_, *one.pending_timeout);
}

DriftPtr DriftJudge::first(const TwinId& id, const twin::Twin& twin) const {
    return made(twin::drift::standing_of(twin, policy_, is_edge_runtime(id)), fingerprint_);
}

DriftPtr DriftJudge::known(const TwinId& id, const State& state) const {
    if (state.drift && is_current(*state.drift)) return state.drift;
    Step step = twin::drift::standing_of(state.twin, policy_, is_edge_runtime(id));
    if (state.drift && state.drift->standing.base() == step.standing.base()) {
        const Standing& stored = state.drift->standing;
        step.standing.since = stored.since;
        step.standing.left = stored.left;
        step.standing.converge_time = stored.converge_time;
    }
    return made(std::move(step), fingerprint_);
}

DriftPtr DriftJudge::next(const TwinId& id, const State& before, const twin::Twin& twin,
                          const twin::Change& change) const {
    const DriftPtr was = known(id, before);
    Step step = twin::drift::advance(was->standing, before.twin, twin, change, policy_,
                                     is_edge_runtime(id));
    // What waits may wait anew.
    const bool asked = change.desired && step.standing.counts.pending > 0;
    if (!asked && step.moved.empty() && step.standing == was->standing && was->moved.empty())
        return was;
    return made(std::move(step), fingerprint_);
}

void append_encoded(std::string& out, const Drift& drift) {
    const Standing& standing = drift.standing;
    const bool has_worst = standing.worst.reason != twin::drift::Reason::none;
    std::uint8_t present = 0;
    if (has_worst) present |= Present::worst;
    if (has_worst && standing.worst.code) present |= Present::code;
    if (standing.waiting_from) present |= Present::waiting;
    if (standing.left) present |= Present::left;
    if (standing.converge_time) present |= Present::converge_time;
    append_varint(out, drift.policy);
    out += static_cast<char>(present);
    for (const std::uint32_t count : {standing.counts.converged, standing.counts.pending,
                                      standing.counts.drifted, standing.counts.rejected})
        append_varint(out, count);
    append_signed(out, standing.since.time_since_epoch().count());
    if (has_worst) {
        out += static_cast<char>(standing.worst.reason);
        append_text(out, standing.worst.path);
        append_text(out, standing.worst.words);
        if (standing.worst.code) append_signed(out, *standing.worst.code);
    }
    if (standing.waiting_from) {
        append_signed(out, standing.waiting_from->time_since_epoch().count());
        append_signed(out, standing.pending_timeout_min.count());
    }
    if (standing.left) append_signed(out, standing.left->time_since_epoch().count());
    if (standing.converge_time) append_signed(out, standing.converge_time->count());
}

Result<Drift> decode_drift(std::string_view bytes) {
    ByteReader reader(bytes);
    Drift drift;
    Standing& standing = drift.standing;
    drift.policy = reader.varint();
    const std::uint8_t present = reader.byte();
    for (std::uint32_t* count : {&standing.counts.converged, &standing.counts.pending,
                                 &standing.counts.drifted, &standing.counts.rejected})
        *count = static_cast<std::uint32_t>(reader.varint());
    bool in_range = true;
    const auto instant = [&] {
        const Instant read{Ticks{reader.signed_number()}};
        in_range &= read >= never && read <= latest;
        return read;
    };
    standing.since = instant();
    if (present & Present::worst) {
        const std::uint8_t reason = reader.byte();
        if (reason >= twin::drift::reason_count)
            drift.policy = ~drift.policy;  // of a newer release
        else standing.worst.reason = static_cast<twin::drift::Reason>(reason);
        standing.worst.path = reader.text();
        standing.worst.words = reader.text();
        if (present & Present::code) standing.worst.code = reader.signed_number();
    }
    if (present & Present::waiting) {
        standing.waiting_from = instant();
        standing.pending_timeout_min = Ticks{reader.signed_number()};
        in_range &= standing.pending_timeout_min >= Ticks{} &&
                    standing.pending_timeout_min <= std::chrono::years{1000};
    }
    if (present & Present::left) standing.left = instant();
    if (present & Present::converge_time) standing.converge_time = Ticks{reader.signed_number()};
    if (reader.failed() || !in_range)
        return failure(Code::corrupted, "The drift of a stored twin is damaged at byte " +
                                            std::to_string(reader.offset()));
    return drift;
}

}  // namespace twinhub::hub
