#include "apps/cli/entity.h"
#include "apps/keys/data_folder.h"
#include "apps/keys/pid_file.h"
#include "apps/keys/policies_file.h"
#include "base/encoding.h"

#include <fmt/format.h>

namespace twinhub::apps::cli {
namespace {

// These commands work on the data folder of this machine, whether a server runs or not.

Option policy_option(bool required) {
    return {.name = "policy-name",
            .other_names = "--pn",
            .about = "The shared access policy",
            .required = required,
            .fallback = required ? "" : "iothubowner"};
}

std::vector<Option> local_options(std::vector<Option> options) {
    options.push_back({.name = "data", .about = "Data folder of the hub"});
    options.push_back({.name = "config", .about = "Configuration file that names the data folder"});
    options.push_back({.name = "hub-name",
                       .other_names = "-n",
                       .about = "Accepted: there is one hub in a data folder"});
    options.push_back(
        {.name = "resource-group", .other_names = "-g", .about = "Accepted and ignored"});
    return options;
}

Result<json::value> connection_string(Context& context) {
    const Config config = context.local().config;
    TRY(const std::vector<hub::Policy> policies, read_policies(config.policies_path()));
    const std::string name = context.arguments().text("policy-name");
    const auto policy = std::ranges::find_if(
        policies, [&](const hub::Policy& p) { return equals_ignoring_case(p.name, name); });
    if (policy == policies.end())
        return failure(Code::not_found, fmt::format("there is no policy '{}'", name));
    hub::Policy chosen = *policy;
    if (equals_ignoring_case(context.arguments().text("key-type"), "secondary"))
        chosen.primary_key = chosen.secondary_key;
    return json::object{{"connectionString", hub_connection_string(config, chosen)}};
}

json::object shown(const hub::Policy& policy) {
    return {{"keyName", policy.name},
            {"rights", rights_text(policy.rights)},
            {"primaryKey", policy.primary_key},
            {"secondaryKey", policy.secondary_key}};
}

Result<json::value> list_policies(Context& context) {
    TRY(const std::vector<hub::Policy> policies,
        read_policies(context.local().config.policies_path()));
    json::array list;
    for (const hub::Policy& policy : policies) list.push_back(shown(policy));
    return list;
}

Result<json::value> renew_key(Context& context) {
    const Config config = context.local().config;
    const std::string kind = ascii_lower(context.arguments().text("key-type"));
    const KeyChoice choice = kind == "primary"     ? KeyChoice::primary
                             : kind == "secondary" ? KeyChoice::secondary
                             : kind == "both"      ? KeyChoice::both
                                                   : KeyChoice::swap;
    TRY(const hub::Policy policy,
        renew_policy_key(config.policies_path(), context.arguments().text("policy-name"), choice,
                         context.random()));
    TRY(const bool told, signal_reload(config.pid_path()));
    if (!told)
        context.around().err
            << "no server runs in this data folder: the new keys hold from its next start\n";
    return shown(policy);
}

std::function<Outcome(Context&)> local_answer(Result<json::value> (*run)(Context&)) {
    return [run](Context& context) {
        return outcome_of(run(context), {{"KeyName", "keyName"},
                                         {"Rights", "rights"},
                                         {"PrimaryKey", "primaryKey"},
                                         {"ConnectionString", "connectionString"}});
    };
}

}  // namespace

std::vector<Command> hub_commands() {
    const Option key_type{.name = "key-type",
                          .other_names = "--kt,--key",
                          .about = "Which key",
                          .fallback = "primary",
                          .choices = "primary|secondary"};
    std::vector<Command> commands;
    for (const char* words : {"hub connection-string show", "hub connection-string"}) {
        commands.push_back(
            {.words = words,
             .about = "Connection string of a policy, from the data folder",
             .options = local_options({policy_option(false), key_type}),
             .run = [](Context& context) { return outcome_of(connection_string(context)); },
             .talks_to_hub = false});
    }
    Option provisioning_policy = policy_option(false);
    provisioning_policy.fallback = "provisioningserviceowner";
    commands.push_back(
        {.words = "dps connection-string show",
         .about = "Connection string for the provisioning service, from the data folder",
         .options = local_options({provisioning_policy, key_type}),
         .run = [](Context& context) { return outcome_of(connection_string(context)); },
         .talks_to_hub = false});
    commands.push_back({.words = "hub policy list",
                        .about = "The policies with their keys",
                        .options = local_options({}),
                        .run = local_answer(list_policies),
                        .talks_to_hub = false});
    commands.push_back({.words = "hub policy renew-key",
                        .about = "Gives a policy a new key; a running server takes it at once",
                        .options = local_options({policy_option(true),
                                                  {.name = "key-type",
                                                   .other_names = "--kt,--renew-key,--rk",
                                                   .about = "Which key",
                                                   .required = true,
                                                   .choices = "primary|secondary|both|swap"}}),
                        .run = local_answer(renew_key),
                        .talks_to_hub = false});
    return commands;
}

}  // namespace twinhub::apps::cli
