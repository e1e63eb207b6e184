#include "gateway/wire_status.h"

#include <array>
#include <cstddef>

namespace twinhub::gateway {
namespace {

constexpr std::array rows{
    WireStatus{Code::argument_invalid, 400004, "ArgumentInvalid"},
    WireStatus{Code::argument_null, 400005, "ArgumentNull"},
    WireStatus{Code::format_invalid, 400006, "IotHubFormatError"},
    WireStatus{Code::protocol_version_invalid, 400001, "InvalidProtocolVersion"},
    WireStatus{Code::operation_invalid, 400003, "InvalidOperation"},
    WireStatus{Code::unauthorized, 401002, "IotHubUnauthorizedAccess"},
    WireStatus{Code::hub_not_found, 401001, "IotHubNotFound"},
    WireStatus{Code::device_not_found, 404001, "DeviceNotFound"},
    WireStatus{Code::module_not_found, 404010, "ModuleNotFound"},
    WireStatus{Code::not_found, 404000, "GenericNotFound"},
    WireStatus{Code::job_not_found, 404002, "JobNotFound"},
    WireStatus{Code::configuration_not_found, 404301, "ConfigurationNotFound"},
    WireStatus{Code::method_not_allowed, 405000, "GenericMethodNotAllowed"},
    WireStatus{Code::device_already_exists, 409001, "DeviceAlreadyExists"},
    WireStatus{Code::module_already_exists, 409301, "ModuleAlreadyExistsOnDevice"},
    WireStatus{Code::device_defined_multiple_times, 400011, "DeviceDefinedMultipleTimes"},
    WireStatus{Code::bulk_operation_failed, 400013, "BulkRegistryOperationFailure"},
    WireStatus{Code::blob_container_invalid, 400008, "BlobContainerValidationError"},
    WireStatus{Code::device_scope_invalid, 400028, "InvalidDeviceScope"},
    WireStatus{Code::policy_key_invalid, 400035, "InvalidPolicyKey"},
    WireStatus{Code::system_module_immutable, 401100, "SystemModuleModifyUnauthorizedAccess"},
    WireStatus{Code::precondition_failed, 412001, "PreconditionFailed"},
    WireStatus{Code::message_too_large, 413001, "MessageTooLarge"},
    WireStatus{Code::too_many_devices, 413002, "TooManyDevices"},
    WireStatus{Code::too_many_modules, 413003, "TooManyModulesOnDevice"},
    WireStatus{Code::media_type_unsupported, 415000, "GenericUnsupportedMediaType"},
    WireStatus{Code::throttled, 429001, "ThrottlingException"},
    WireStatus{Code::device_not_online, 404103, "DeviceNotOnline"},
    WireStatus{Code::device_answer_invalid, 502000, "GenericBadGateway"},
    WireStatus{Code::gateway_timeout, 504101, "GatewayTimeout"},
    WireStatus{Code::message_lock_lost, 412002, "DeviceMessageLockLost"},
    WireStatus{Code::message_queue_full, 403004, "DeviceMaximumQueueDepthExceeded"},
    WireStatus{Code::not_implemented, 501000, "GenericNotImplemented"},
    WireStatus{Code::internal, 500001, "ServerError"},
    WireStatus{Code::unavailable, 503001, "ServiceUnavailable"},
    WireStatus{Code::timeout, 400024, "RequestTimedOut"},
    WireStatus{Code::corrupted, 500001, "ServerError"},
    WireStatus{Code::history_unavailable, 410000, "HistoryUnavailable"},
    WireStatus{Code::configuration_content_invalid, 400402, "InvalidConfigurationContent"},
    WireStatus{Code::configuration_content_immutable, 400403,
               "CannotModifyImmutableConfigurationContent"},
    WireStatus{Code::configuration_target_invalid, 400401, "InvalidConfigurationTargetCondition"},
    WireStatus{Code::configuration_metric_invalid, 400404,
               "InvalidConfigurationCustomMetricsQuery"},
    WireStatus{Code::configuration_already_exists, 409401, "ConfigurationAlreadyExists"},
    WireStatus{Code::configuration_being_applied, 409402,
               "ApplyConfigurationAlreadyInProgressOnDevice"},
    WireStatus{Code::too_many_configurations, 413101, "ConfigurationCountLimitExceeded"},
    WireStatus{Code::job_already_exists, 409104, "JobAlreadyExists"},
    WireStatus{Code::too_many_jobs, 429004, "ThrottlingMaxActiveJobCountExceeded"},
    WireStatus{Code::state_conflict, 405102, "OperationNotAllowedInCurrentState"},
    WireStatus{Code::conflict, 409000, "GenericConflict"},
};

constexpr bool is_complete() {
    if (rows.size() != static_cast<std::size_t>(Code::conflict) + 1) return false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (static_cast<std::size_t>(rows[i].code) != i || rows[i].name.empty()) return false;
        if (rows[i].http() < 400 || rows[i].http() > 599) return false;
    }
    return true;
}
static_assert(is_complete(), "every Code has one row, in the order of the enumerators");

}  // namespace

const WireStatus& wire_status(Code code) { return rows[static_cast<std::size_t>(code)]; }

std::span<const WireStatus> wire_statuses() { return rows; }

}  // namespace twinhub::gateway
