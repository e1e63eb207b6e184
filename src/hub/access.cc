#include "hub/access.h"

#include "base/encoding.h"

#include <algorithm>
#include <array>

namespace twinhub::hub {
namespace {

// What a policy needs: all rights of one alternative. 0 = there is no second one.
struct Needs {
    Rights either;
    Rights or_else = 0;
};

// Who may do it to itself, without a right.
enum class Own : std::uint8_t { nobody, identity, registration };

struct Row {
    Operation operation;
    Needs needs;
    Own own = Own::nobody;
};

constexpr bool covers(Rights has, Rights wanted) { return wanted != 0 && (has & wanted) == wanted; }

constexpr bool meets(Rights has, const Needs& needs) {
    return covers(has, needs.either) || covers(has, needs.or_else);
}

// Spec service-api 2.2 and 11.1, device-protocols 6.3.
constexpr std::array rows{
    Row{Operation::identity_read, {rights_of({Right::registry_read})}},
    Row{Operation::identity_write, {rights_of({Right::registry_write})}},
    Row{Operation::identity_delete, {rights_of({Right::registry_write})}},
    Row{Operation::identity_bulk, {rights_of({Right::registry_write})}},
    Row{Operation::identity_renew_keys, {rights_of({Right::registry_write})}},
    Row{Operation::twin_read, {rights_of({Right::service_connect})}},
    Row{Operation::twin_write, {rights_of({Right::service_connect})}},
    Row{Operation::twin_query, {rights_of({Right::service_connect})}},
    Row{Operation::statistics_read, {rights_of({Right::registry_read})}},
    Row{Operation::service_statistics_read,
        {rights_of({Right::registry_read}), rights_of({Right::service_connect})}},
    Row{Operation::method_invoke, {rights_of({Right::service_connect})}},
    Row{Operation::message_send, {rights_of({Right::service_connect})}},
    Row{Operation::commands_purge, {rights_of({Right::service_connect})}},
    Row{Operation::feedback_receive, {rights_of({Right::service_connect})}},
    Row{Operation::import_export_read, {rights_of({Right::registry_read, Right::registry_write})}},
    Row{Operation::import_export_write, {rights_of({Right::registry_read, Right::registry_write})}},
    Row{Operation::events_read, {rights_of({Right::service_connect})}},
    Row{Operation::certificate_read, {rights_of({Right::registry_read})}},
    Row{Operation::certificate_write, {rights_of({Right::registry_write})}},
    Row{Operation::device_connect, {rights_of({Right::device_connect})}, Own::identity},
    Row{Operation::device_twin_read, {rights_of({Right::device_connect})}, Own::identity},
    Row{Operation::device_report, {rights_of({Right::device_connect})}, Own::identity},
    Row{Operation::device_send, {rights_of({Right::device_connect})}, Own::identity},
    Row{Operation::provisioning_read, {rights_of({Right::provisioning_config})}},
    Row{Operation::enrollment_read, {rights_of({Right::enrollment_read})}},
    Row{Operation::enrollment_write, {rights_of({Right::enrollment_write})}},
    Row{Operation::enrollment_keys_read, {rights_of({Right::enrollment_write})}},
    Row{Operation::registration_read, {rights_of({Right::registration_read})}},
    Row{Operation::registration_delete, {rights_of({Right::registration_write})}},
    Row{Operation::device_receive, {rights_of({Right::device_connect})}, Own::identity},
    Row{Operation::linked_hub_write, {rights_of({Right::provisioning_config})}},
    Row{Operation::device_register, {Rights{0}}, Own::registration},
    Row{Operation::history_read, {rights_of({Right::service_connect})}},
    Row{Operation::twin_restore, {rights_of({Right::service_connect})}},
    Row{Operation::job_read, {rights_of({Right::service_connect})}},
    Row{Operation::job_write, {rights_of({Right::service_connect})}},
    Row{Operation::configuration_read, {rights_of({Right::registry_read})}},
    Row{Operation::configuration_write, {rights_of({Right::registry_write})}},
    Row{Operation::configuration_apply, {rights_of({Right::registry_write})}},
    Row{Operation::rollout_read, {rights_of({Right::service_connect})}},
    Row{Operation::rollout_write, {rights_of({Right::service_connect})}},
    Row{Operation::changes_read, {rights_of({Right::service_connect})}},
    Row{Operation::route_read, {rights_of({Right::service_connect})}},
    Row{Operation::route_write, {rights_of({Right::registry_write})}},
};

constexpr bool is_self(const Principal& principal, Own own) {
    return (own == Own::identity && principal.kind == Principal::Kind::identity) ||
           (own == Own::registration && principal.kind == Principal::Kind::registration);
}

}  // namespace

Result<> decide(const Principal& principal, Operation operation, const TwinId& object) {
    const auto row = std::ranges::find(rows, operation, &Row::operation);
    if (row != rows.end()) {
        if (principal.kind == Principal::Kind::policy && meets(principal.rights, row->needs))
            return {};
        if (is_self(principal, row->own) && principal.id == object) return {};
    }
    return failure(Code::unauthorized, "Unauthorized");
}

const Policy* Policies::find(std::string_view name) const {
    const auto found = std::ranges::find_if(
        policies_, [&](const Policy& policy) { return equals_ignoring_case(policy.name, name); });
    return found == policies_.end() ? nullptr : &*found;
}

Rights default_rights(std::string_view policy_name) {
    if (policy_name == "iothubowner")
        return rights_of({Right::registry_read, Right::registry_write, Right::service_connect,
                          Right::device_connect});
    if (policy_name == "service") return rights_of({Right::service_connect});
    if (policy_name == "device") return rights_of({Right::device_connect});
    if (policy_name == "registryRead") return rights_of({Right::registry_read});
    if (policy_name == "registryReadWrite")
        return rights_of({Right::registry_read, Right::registry_write});
    if (policy_name == "provisioningserviceowner")
        return rights_of({Right::provisioning_config, Right::enrollment_read,
                          Right::enrollment_write, Right::registration_read,
                          Right::registration_write});
    return 0;
}

}  // namespace twinhub::hub
