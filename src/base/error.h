#pragma once

#include <cstdint>
#include <string>

namespace twinhub {

// Why something was refused. One enumerator per row of the error catalogue (spec service-api 3.3,
// device-protocols 2.3); doors map it to their own status in one table, so no numbers here.
enum class Code : std::uint8_t {
    argument_invalid,          // a value breaks a rule of the specification
    argument_null,             // a required part is missing
    format_invalid,            // the body is not the JSON (or the packet) that it should be
    protocol_version_invalid,  // api-version missing or malformed
    operation_invalid,         // not valid for this entity
    unauthorized,              // no, wrong, expired or insufficient credential
    hub_not_found,             // a host name that is not this hub's
    device_not_found,
    module_not_found,
    not_found,  // any other address
    job_not_found,
    configuration_not_found,
    method_not_allowed,
    device_already_exists,
    module_already_exists,
    device_defined_multiple_times,
    bulk_operation_failed,
    blob_container_invalid,  // there is no blob storage behind import and export
    device_scope_invalid,
    policy_key_invalid,
    system_module_immutable,
    precondition_failed,  // an etag or a base version does not match
    message_too_large,
    too_many_devices,
    too_many_modules,
    media_type_unsupported,
    throttled,
    device_not_online,
    device_answer_invalid,  // what a device answered is not what it should be
    gateway_timeout,        // a device did not answer in time
    message_lock_lost,      // a message is not (or no longer) in the hands of who settles it
    message_queue_full,     // too many messages wait already
    not_implemented,
    internal,     // our fault
    unavailable,  // starting, stopping or overloaded: try again
    timeout,
    corrupted,            // a stored record is damaged
    history_unavailable,  // of a moment before what is kept
    configuration_content_invalid,
    configuration_content_immutable,
    configuration_target_invalid,  // the condition that chooses its devices
    configuration_metric_invalid,
    configuration_already_exists,
    configuration_being_applied,  // to the same device, by another request
    too_many_configurations,
    job_already_exists,
    too_many_jobs,   // that wait or run
    state_conflict,  // not in the state that it is in now
    conflict,        // with what others did meanwhile
};

// What went wrong, worded once where it was seen.
struct Error {
    Code code = Code::internal;
    std::string message;  // one sentence for the person who sent the request
    std::string where;    // JSON path or byte offset; empty when there is none

    friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace twinhub
