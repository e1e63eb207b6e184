#include "hub/jobs/device_work.h"

namespace twinhub::hub {
namespace {

// Spec service-api 3.3 and 7.5: rows of devices.jobs carry the number as text.
const char* number_of(Code code) {
    switch (code) {
        case Code::argument_invalid: return "400004";
        case Code::timeout: return "400024";
        case Code::device_not_found: return "404001";
        case Code::module_not_found: return "404010";
        case Code::device_not_online: return "404103";
        case Code::message_too_large: return "413001";
        case Code::device_answer_invalid: return "502000";
        case Code::unavailable: return "503001";
        case Code::gateway_timeout: return "504101";
        default: return "500001";
    }
}

void ended(OpenGroup& group, JobDevice& device, Instant now) {
    device.updated = now;
    --group.left;
    group.unsaved = true;
}

}  // namespace

void end_device(OpenGroup& group, JobDevice& device, Instant now, DeviceJobError error) {
    device.status = DeviceJobStatus::failed;
    device.error = std::move(error);
    ++group.failed;
    ended(group, device, now);
}

void end_device(OpenGroup& group, JobDevice& device, Instant now) {
    device.status = DeviceJobStatus::completed;
    ++group.succeeded;
    ended(group, device, now);
}

DeviceJobError device_error(const Error& error) {
    std::string description = error.message;
    switch (error.code) {
        // Their message is the id alone, as services are told it.
        case Code::device_not_found:
            description = "The device '" + error.message + "' is gone";
            break;
        case Code::module_not_found:
            description = "The module '" + error.message + "' is gone";
            break;
        default: break;
    }
    if (!error.where.empty()) description += " (" + error.where + ")";
    return {number_of(error.code), std::move(description)};
}

}  // namespace twinhub::hub
