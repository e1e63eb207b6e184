#include "hub/configurations/configuration_event.h"

#include "hub/changes/author_json.h"
#include "hub/notice.h"

namespace twinhub::hub {

std::shared_ptr<DeviceEvent> configuration_event(ConfigurationStep step, const std::string& id,
                                                 const Configuration* known, Instant at) {
    const bool started = step == ConfigurationStep::started;
    json::object body{{"configuration", id}, {"at", format_instant(at)}};
    if (known != nullptr) {
        body["version"] = known->etag_number;
        body["priority"] = known->priority;
        body["targetCondition"] = known->target_condition;
        body["by"] = author_json(known->author, {});
    } else {
        body["removed"] = true;
    }
    return make_notice({started ? "configurationStarted" : "configurationCompleted",
                        "configurationEvents", "configurationNotification"},
                       {"configuration", id}, at, to_text(json::value(std::move(body))));
}

}  // namespace twinhub::hub
