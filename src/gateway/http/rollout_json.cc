#include "gateway/http/rollout_json.h"

namespace twinhub::gateway::http {
namespace {

using hub::DeviceStep;
using hub::RolloutState;
using twin::drift::State;

void add_time(json::object& body, std::string_view name, const std::optional<Instant>& at) {
    if (at) body[name] = format_instant(*at);
}

json::object steps_json(const hub::WaveCounts& counts) {
    json::object steps;
    for (std::size_t i = 0; i < hub::device_step_count; ++i)
        steps[name_of(static_cast<DeviceStep>(i))] = counts.steps[i];
    return steps;
}

// Of those that have been told, and those that were so already.
json::object states_json(const hub::WaveCounts& counts) {
    json::object states;
    for (const State state : {State::converged, State::pending, State::offline, State::stale,
                              State::drifted, State::rejected})
        states[name_of(state)] = counts.of(state);
    return states;
}

std::string_view wave_state(const hub::RolloutRecord& record, std::size_t index) {
    const hub::WaveProgress& wave = record.waves[index];
    if (wave.passed) return "passed";
    if (!wave.began || index > record.wave) return "waiting";
    if (index != record.wave) return "waiting";
    switch (record.state) {
        case RolloutState::held: return "held";
        case RolloutState::paused: return "paused";
        case RolloutState::running: return "running";
        default: return "stopped";
    }
}

json::object gates_json(const hub::Gates& gates, const hub::WaveCounts& counts,
                        const hub::WaveProgress& progress, Instant now) {
    const hub::GateReading reading = hub::read_gates(gates, counts);
    json::object body;
    json::object& converged = body["converged"].emplace_object();
    converged["share"] = reading.converged;
    if (gates.converged_at_least) converged["atLeast"] = *gates.converged_at_least;
    converged["ok"] = reading.converged_enough;
    json::object& rejected = body["rejected"].emplace_object();
    rejected["share"] = reading.rejected;
    if (gates.rejected_at_most) rejected["atMost"] = *gates.rejected_at_most;
    rejected["ok"] = !reading.rejected_too_many;
    json::object& offline = body["offline"].emplace_object();
    offline["share"] = reading.offline;
    offline["allowance"] = gates.offline_allowance;
    if (gates.soak.count() > 0) {
        json::object& soak = body["soak"].emplace_object();
        const Instant until = progress.passed.value_or(now);
        const auto lasted = progress.met && until > *progress.met
                                ? std::chrono::floor<std::chrono::seconds>(until - *progress.met)
                                : std::chrono::seconds{};
        soak["seconds"] = lasted.count();
        soak["of"] = gates.soak.count();
        soak["ok"] = progress.met && lasted >= gates.soak;
    }
    if (gates.timeout && progress.told)
        body["timeout"] = format_instant(*progress.told + *gates.timeout);
    return body;
}

json::array waves_json(const hub::RolloutView& view) {
    json::array waves;
    for (std::size_t i = 0; i < view.waves.size(); ++i) {
        const hub::WaveCounts& counts = view.waves[i];
        const hub::WaveProgress& progress = view.record.waves[i];
        json::object wave;
        wave["wave"] = i + 1;
        wave["state"] = wave_state(view.record, i);
        wave["devices"] = counts.total();
        wave["steps"] = steps_json(counts);
        wave["states"] = states_json(counts);
        wave["gates"] = gates_json(view.record.document.gates_of(i), counts, progress, view.at);
        add_time(wave, "began", progress.began);
        add_time(wave, "told", progress.told);
        add_time(wave, "passed", progress.passed);
        if (progress.waived) wave["waived"] = true;
        waves.push_back(std::move(wave));
    }
    return waves;
}

}  // namespace

json::object rollout_summary_json(const hub::RolloutView& view) {
    const hub::RolloutRecord& record = view.record;
    json::object body;
    body["name"] = record.document.name;
    body["state"] = name_of(record.state);
    body["asOf"] = format_instant(view.at);
    if (!view.now.empty()) body["now"] = view.now;
    add_time(body, "opens", view.opens);
    body["devices"] = record.devices;
    if (record.started) body["wave"] = record.wave + 1;
    body["ofWaves"] = record.waves.size();
    hub::WaveCounts all;
    for (const hub::WaveCounts& counts : view.waves) all += counts;
    body["steps"] = steps_json(all);
    body["states"] = states_json(all);
    body["created"] = format_instant(record.created);
    add_time(body, "started", record.started);
    add_time(body, "ended", record.ended);
    json::object& by = body["by"].emplace_object();
    by["policy"] = record.author.principal;
    if (!record.author.reason.empty()) by["reason"] = record.author.reason;
    return body;
}

json::object rollout_json(const hub::RolloutView& view) {
    json::object body = rollout_summary_json(view);
    body["waves"] = waves_json(view);
    body["document"] = to_json(view.record.document);
    json::array& log = body["log"].emplace_array();
    for (const hub::LogLine& line : view.record.log) {
        json::object one{{"at", format_instant(line.at)}, {"what", line.what}};
        if (line.wave) one["wave"] = *line.wave + 1;
        if (!line.reason.empty()) one["reason"] = line.reason;
        if (!line.by.empty()) one["by"] = line.by;
        log.push_back(std::move(one));
    }
    return body;
}

json::object plan_json(const hub::RolloutPlan& plan) {
    json::object body;
    body["plan"] = plan.token;
    body["asOf"] = format_instant(plan.at);
    body["validUntilMovedBy"] = hub::plan_moved_max;
    body["devices"] = plan.devices;
    body["differs"] = plan.differs;
    body["same"] = plan.same;
    body["offline"] = plan.offline;
    body["everything"] = plan.is_everything;
    json::array& waves = body["waves"].emplace_array();
    for (const std::uint64_t size : plan.waves) waves.emplace_back(size);
    body["unassigned"] = plan.unassigned;
    json::array& changes = body["changes"].emplace_array();
    for (const hub::PlannedChange& change : plan.changes) {
        json::object one{{"path", change.path}};
        if (change.from) one["from"] = *change.from;
        if (change.to) one["to"] = *change.to;
        one["devices"] = change.devices;
        changes.push_back(std::move(one));
    }
    if (plan.other_changes != 0) body["otherChanges"] = plan.other_changes;
    json::array& faults = body["faults"].emplace_array();
    for (const hub::PlannedFault& fault : plan.faults) {
        json::object one{{"kind", fault.kind}, {"devices", fault.devices}};
        if (!fault.message.empty()) one["message"] = fault.message;
        if (!fault.example.empty()) one["example"] = fault.example;
        faults.push_back(std::move(one));
    }
    json::array& overlaps = body["overlaps"].emplace_array();
    for (const hub::PlannedOverlap& overlap : plan.overlaps) {
        json::object one{{"kind", overlap.kind},
                         {"id", overlap.id},
                         {"path", overlap.path},
                         {"devices", overlap.devices}};
        if (!overlap.note.empty()) one["note"] = overlap.note;
        overlaps.push_back(std::move(one));
    }
    body["convergeSeconds"] =
        plan.converge_seconds ? json::value(*plan.converge_seconds) : json::value();
    body["expectedSeconds"] =
        plan.expected_seconds ? json::value(*plan.expected_seconds) : json::value();
    add_time(body, "ends", plan.ends);
    return body;
}

json::object devices_json(const hub::RolloutDevicePage& page) {
    json::object body;
    json::array& devices = body["devices"].emplace_array();
    for (const hub::RolloutDevice& device : page.devices) {
        const hub::ListedDevice& listed = device.listed;
        json::object one{{"deviceId", listed.id.device.text()}};
        if (listed.id.is_module()) one["moduleId"] = listed.id.module.text();
        one["wave"] = listed.wave + 1;
        one["state"] = state_of(listed);
        one["step"] = name_of(listed.step);
        add_time(one, "opens", listed.not_before);
        if (device.record && device.record->step != DeviceStep::waiting) {
            one["at"] = format_instant(device.record->at);
            if (!device.record->message.empty()) one["message"] = device.record->message;
            json::array& changes = one["changes"].emplace_array();
            for (const hub::ChangedLeaf& leaf : device.record->leaves) {
                json::object change{
                    {"path", std::string(twin::path_of(leaf.part)) + "." + leaf.path}};
                if (leaf.before) change["before"] = *leaf.before;
                if (leaf.after) change["after"] = *leaf.after;
                changes.push_back(std::move(change));
            }
        }
        devices.push_back(std::move(one));
    }
    if (page.next) body["next"] = page.next->text();
    return body;
}

}  // namespace twinhub::gateway::http
