#pragma once

#include "apps/cli/context.h"

namespace twinhub::apps::cli {

// What the twin and identity commands share: which device or module, and its etag.

Option device_option();
Option module_option();
Option etag_option();
Option where_option();  // which devices, as a bare condition
Option top_option(std::string fallback);
Option edge_option(std::string about);

// "/twins/dev%231" or "/devices/d/modules/m", from --device-id and --module-id.
std::string path_of(std::string_view collection, const Arguments& arguments);
std::string path_of(std::string_view collection, const std::string& device,
                    const std::string& module);

// `path` with those parameters that have a value, escaped.
std::string with_parameters(std::string path,
                            const std::vector<std::pair<std::string, std::string>>& all);

std::string quoted(const std::string& etag);  // as the Azure CLI sends it: "*" with its quotes

// The number of an option that is there, or has a fallback. Errors: argument_invalid, which names
// the option and its limits.
Result<std::uint64_t> number_of(const Arguments& arguments, const std::string& name,
                                std::uint64_t min, std::uint64_t max);

// --top: 0 = all. Errors: argument_invalid.
Result<std::uint64_t> top_of(const Arguments& arguments);
// The same where --top has no value of its own: all without it.
Result<std::uint64_t> top_or_all(const Arguments& arguments);

extern const std::vector<Column> twin_columns;
extern const std::vector<Column> identity_columns;

// `device-twin list`, and `device-identity list`, which is the same (spec service-api 12.2).
Outcome list_twins(Context& context);
// Its --query: which of the devices.
Option selection_option();

std::vector<Command> twin_commands();
std::vector<Command> identity_commands();
std::vector<Command> key_commands();  // renew-key, connection-string
std::vector<Command> certificate_commands();
std::vector<Command> message_commands();  // methods, messages to devices
std::vector<Command> hub_commands();
std::vector<Command> dps_commands();  // the provisioning service
std::vector<Command> server_commands();
std::vector<Command> query_commands();
std::vector<Command> drift_commands();
std::vector<Command> ledger_commands();
std::vector<Command> change_commands();
std::vector<Command> job_commands();
std::vector<Command> rollout_commands();
std::vector<Command> configuration_commands();
std::vector<Command> connection_commands();

}  // namespace twinhub::apps::cli
