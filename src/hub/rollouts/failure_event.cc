#include "hub/rollouts/failure_event.h"

#include "hub/notice.h"
#include "twin/drift/paths.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using twin::drift::Property;
using twin::drift::State;

bool has_failed(State state) {
    return state == State::rejected || state == State::drifted || state == State::stale;
}

json::object property_json(const Property& property) {
    const twin::drift::Verdict& verdict = property.verdict;
    json::object shown{{"path", property.path}, {"state", name_of(property.state)}};
    if (verdict.reason != twin::drift::Reason::none) shown["reason"] = name_of(verdict.reason);
    if (property.desired != nullptr) shown["desired"] = property.desired->to_json();
    if (property.reported != nullptr) shown["reported"] = property.reported->to_json();
    shown["desiredVersion"] = verdict.desired_version;
    shown["desiredAt"] = format_instant(verdict.desired_at);
    shown["since"] = format_instant(property.since);
    if (verdict.code) shown["code"] = *verdict.code;
    if (!verdict.words.empty()) shown["words"] = verdict.words;
    return shown;
}

}  // namespace

std::shared_ptr<DeviceEvent> failure_event(const std::string& rollout, std::uint32_t wave,
                                           const std::vector<std::string>& desired_paths,
                                           const TwinDrift& drift) {
    const auto is_touched = [&](const std::string& path) {
        return std::ranges::any_of(desired_paths, [&](const std::string& touched) {
            return twin::drift::is_at_or_below(path, touched);
        });
    };
    json::array properties;
    for (const Property& property : drift.assessment.properties)
        if (has_failed(property.state) && is_touched(property.path))
            properties.push_back(property_json(property));
    if (properties.empty()) return nullptr;

    const TwinId& id = drift.view.identity->id;
    json::object body{{"rollout", rollout}, {"wave", wave + 1}, {"deviceId", id.device.text()}};
    if (id.is_module()) body["moduleId"] = id.module.text();
    body["at"] = format_instant(drift.at);
    body["properties"] = std::move(properties);
    auto event = make_notice({"rolloutDeviceFailed", "rolloutEvents", "rolloutDeviceNotification"},
                             id, drift.at, to_text(json::value(std::move(body))));
    event->properties.emplace_back("rollout", rollout);
    return event;
}

}  // namespace twinhub::hub
