#include "gateway/amqp/conditions.h"

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

std::string_view condition_name(Code code) {
    namespace condition = wire::condition;
    switch (code) {
        case Code::argument_invalid:
        case Code::argument_null:
        case Code::format_invalid:
        case Code::protocol_version_invalid:
        case Code::device_defined_multiple_times:
        case Code::bulk_operation_failed:
        case Code::blob_container_invalid:
        case Code::device_scope_invalid:
        case Code::policy_key_invalid:
        case Code::configuration_content_invalid:
        case Code::configuration_target_invalid:
        case Code::configuration_metric_invalid:
        case Code::media_type_unsupported: return condition::argument;
        case Code::unauthorized:
        case Code::system_module_immutable: return condition::unauthorized;
        case Code::hub_not_found: return "com.microsoft:iot-hub-not-found-error";
        case Code::device_not_found:
        case Code::module_not_found:
        case Code::not_found:
        case Code::job_not_found:
        case Code::configuration_not_found:
        case Code::history_unavailable:
        case Code::device_not_online: return condition::not_found;
        case Code::operation_invalid:
        case Code::method_not_allowed:
        case Code::device_already_exists:
        case Code::module_already_exists:
        case Code::configuration_already_exists:
        case Code::configuration_being_applied:
        case Code::configuration_content_immutable:
        case Code::job_already_exists:
        case Code::state_conflict:
        case Code::conflict: return condition::not_allowed;
        case Code::precondition_failed: return "com.microsoft:precondition-failed";
        case Code::message_too_large: return condition::size_exceeded;
        case Code::too_many_configurations:
        case Code::too_many_jobs:
        case Code::too_many_devices:
        case Code::too_many_modules: return condition::limit_exceeded;
        case Code::throttled: return "com.microsoft:device-container-throttled";
        case Code::not_implemented: return condition::not_implemented;
        case Code::message_queue_full: return condition::limit_exceeded;
        case Code::message_lock_lost: return condition::lock_lost;
        case Code::timeout:
        case Code::gateway_timeout: return "com.microsoft:timeout";
        case Code::device_answer_invalid:
        case Code::internal:
        case Code::unavailable:
        case Code::corrupted: return condition::internal;
    }
    return condition::internal;
}

wire::Condition condition_of(const Error& error, std::string tracking_id) {
    wire::Condition made{std::string(condition_name(error.code)), error.message, {}};
    if (!error.where.empty()) made.description += " (at " + error.where + ")";
    if (!tracking_id.empty())
        made.info.emplace_back("com.microsoft:tracking-id", wire::Value::of_string(tracking_id));
    return made;
}

wire::Condition condition_of(hub::LinkEnd reason) {
    namespace condition = wire::condition;
    switch (reason) {
        case hub::LinkEnd::taken_over:
            return {std::string(condition::stolen), "The identity has connected elsewhere", {}};
        case hub::LinkEnd::disabled:
        case hub::LinkEnd::credentials_changed:
            return {std::string(condition::unauthorized), "The credential is no longer good", {}};
        case hub::LinkEnd::deleted:
            return {std::string(condition::not_found), "The identity was deleted", {}};
        case hub::LinkEnd::shutting_down:
            return {std::string(condition::detach_forced), "The server is shutting down", {}};
    }
    return {std::string(condition::internal), {}, {}};
}

}  // namespace twinhub::gateway::amqp
