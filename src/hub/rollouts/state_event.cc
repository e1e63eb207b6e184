#include "hub/rollouts/state_event.h"

#include "hub/notice.h"

namespace twinhub::hub {
namespace {

std::string_view operation_of(RolloutState from, RolloutState to) {
    if (from == to) return {};
    switch (to) {
        case RolloutState::draft: return {};
        case RolloutState::starting: return "rolloutStarted";
        case RolloutState::running: return from == RolloutState::starting ? "" : "rolloutResumed";
        case RolloutState::paused: return "rolloutPaused";
        case RolloutState::held: return "rolloutHeld";
        case RolloutState::halted: return "rolloutHalted";
        case RolloutState::rolling_back: return "rolloutRollingBack";
        case RolloutState::rolled_back: return "rolloutRolledBack";
        case RolloutState::completed: return "rolloutCompleted";
    }
    return {};
}

json::object drift_of(const RolloutRecord& record) {
    WaveCounts all;
    for (const WaveCounts& wave : record.counts) all += wave;
    json::object states;
    for (const twin::drift::State state : twin::drift::states)
        if (const std::uint64_t count = all.of(state); count != 0) states[name_of(state)] = count;
    return states;
}

}  // namespace

std::shared_ptr<DeviceEvent> state_event(const RolloutRecord& record, RolloutState from,
                                         Instant at) {
    const std::string_view operation = operation_of(from, record.state);
    if (operation.empty()) return nullptr;
    json::object body{{"rollout", record.document.name}, {"state", name_of(record.state)},
                      {"from", name_of(from)},           {"at", format_instant(at)},
                      {"wave", record.wave + 1},         {"waves", record.waves.size()},
                      {"devices", record.devices},       {"states", drift_of(record)}};
    if (!record.log.empty()) {
        const LogLine& line = record.log.back();
        if (!line.reason.empty()) body["reason"] = line.reason;
        if (!line.by.empty()) body["principal"] = line.by;
    }
    return make_notice({operation, "rolloutEvents", "rolloutNotification"},
                       {"rollout", record.document.name}, at,
                       to_text(json::value(std::move(body))));
}

}  // namespace twinhub::hub
