#include "apps/cli/context.h"

#include "apps/keys/data_folder.h"
#include "apps/keys/policies_file.h"
#include "base/encoding.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>

namespace twinhub::apps::cli {
namespace {

// Where the server of this machine answers.
std::string local_address(const Config& config) {
    for (const std::string& address : config.listen_addresses) {
        if (address == "0.0.0.0") return "127.0.0.1";
        if (address == "::") return "::1";
    }
    return config.listen_addresses.empty() ? "127.0.0.1" : config.listen_addresses.front();
}

bool is_name_of(const Config& config, const std::string& host) {
    const auto same = [&](const std::string& name) { return equals_ignoring_case(name, host); };
    return same(config.hub_name) || std::ranges::any_of(config.hub_aliases, same);
}

constexpr const char* hub_variables[] = {"TWINHUB_CONNECTION_STRING", "IOTHUB_CONNECTION_STRING"};
constexpr const char* provisioning_variables[] = {"TWINHUB_DPS_CONNECTION_STRING"};

}  // namespace

Loaded Context::local() const {
    Sources sources;
    sources.variable = around_.variable;
    if (arguments_.has("config")) sources.file = arguments_.text("config");
    else if (const char* file = around_.variable("TWINHUB_CONFIG")) sources.file = file;
    if (arguments_.has("data")) sources.flags["data"] = {arguments_.text("data")};
    return load(sources);
}

std::string Context::ca_file(const Config& local) const {
    if (arguments_.has("ca-file")) return arguments_.text("ca-file");
    if (const char* file = around_.variable("TWINHUB_CA_FILE"); file && *file) return file;
    const std::string own = (local.data() / "ca.pem").string();
    return ::access(own.c_str(), R_OK) == 0 ? own : "";
}

Result<ConnectionString> Context::connection(const Config& local, const Party& party,
                                             bool& is_local) const {
    if (arguments_.has("login")) return ConnectionString::parse(arguments_.text("login"));
    for (const char* name : party.variables) {
        const char* text = around_.variable(name);
        if (!text || !*text) continue;
        auto parsed = ConnectionString::parse(text);
        if (!parsed)
            return failure(Code::argument_invalid,
                           fmt::format("{}: {}", name, parsed.error().message));
        return parsed;
    }
    const auto policies = read_policies(local.policies_path());
    if (!policies && policies.error().code == Code::not_found) {
        return failure(Code::argument_invalid,
                       fmt::format("which hub? Give --login, set {}, or "
                                   "start a server here (no policies in '{}')",
                                   party.variables.front(), local.policies_path().string()));
    }
    if (!policies) return std::unexpected(policies.error());
    const auto owner = std::ranges::find(*policies, party.policy, &hub::Policy::name);
    if (owner == policies->end())
        return failure(
            Code::argument_invalid,
            fmt::format("the hub of this machine has no policy {}: give --login", party.policy));
    is_local = true;
    return ConnectionString::parse(hub_connection_string(local, *owner));
}

Result<Target> Context::target() const {
    return target({.variables = hub_variables, .policy = "iothubowner"});
}

Result<Target> Context::target(const Party& party) const {
    const Loaded loaded = local();
    bool is_local = false;
    Target target;
    TRY(target.connection, connection(loaded.config, party, is_local));
    if (target.connection.policy.empty())
        return failure(
            Code::argument_invalid,
            "the connection string is a device's: a policy's is needed (SharedAccessKeyName)");
    if (arguments_.has("hub-name")) {
        const std::string name = arguments_.text("hub-name");
        const bool same = equals_ignoring_case(name, target.connection.host) ||
                          (is_local && is_name_of(loaded.config, name)) ||
                          equals_ignoring_case(name, target.connection.host.substr(
                                                         0, target.connection.host.find('.')));
        if (!same && !is_local)
            return failure(Code::argument_invalid,
                           fmt::format("--hub-name is '{}', yet the connection string is of '{}'",
                                       name, target.connection.host));
        if (!same)
            return failure(
                Code::argument_invalid,
                fmt::format("--hub-name is '{}', yet the hub of this machine is '{}': give --login",
                            name, target.connection.host));
    }
    target.endpoint.host = target.connection.host;
    target.endpoint.port =
        target.connection.port == 0 ? std::uint16_t{443} : target.connection.port;
    if (arguments_.has("port")) {
        const std::string text = arguments_.text("port");
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), target.endpoint.port);
        if (error != std::errc{} || end != text.data() + text.size() || target.endpoint.port == 0)
            return failure(Code::argument_invalid,
                           fmt::format("--port is 1 to 65535, not '{}'", text));
    }
    if (is_local) target.endpoint.address = local_address(loaded.config);
    target.ca_file = ca_file(loaded.config);
    return target;
}

Result<ServiceClient*> Context::hub() {
    return client({.variables = hub_variables, .policy = "iothubowner"});
}

Result<ServiceClient*> Context::provisioning() {
    return client({.variables = provisioning_variables, .policy = "provisioningserviceowner"});
}

Result<std::optional<Target>> Context::provisioning_target(const char* option) const {
    const Party party{.variables = provisioning_variables, .policy = "provisioningserviceowner"};
    const Loaded loaded = local();
    std::optional<Target> target;
    if (arguments_.has(option)) {
        target.emplace();
        TRY(target->connection, ConnectionString::parse(arguments_.text(option)));
    } else if (const char* text = around_.variable(party.variables.front()); text && *text) {
        target.emplace();
        TRY(target->connection, ConnectionString::parse(text));
    }
    if (target) {
        target->endpoint.host = target->connection.host;
        target->endpoint.port =
            target->connection.port == 0 ? std::uint16_t{443} : target->connection.port;
        target->ca_file = ca_file(loaded.config);
        return target;
    }
    const auto policies = read_policies(loaded.config.policies_path());
    if (arguments_.has("login") || !loaded.config.provisioning_enabled || !policies ||
        std::ranges::find(*policies, party.policy, &hub::Policy::name) == policies->end())
        return target;
    TRY(target, this->target(party));
    return target;
}

Result<ServiceClient*> Context::client(const Party& party) {
    if (!hub_) {
        TRY(Target where, target(party));
        hub_ = std::make_unique<ServiceClient>(std::move(where), clock_);
    }
    return hub_.get();
}

Outcome outcome_of(const Error& error) {
    return error.code == Code::argument_invalid ? Outcome::usage(error.message)
                                                : Outcome::refused(error);
}

Outcome outcome_of(Result<json::value> value, std::vector<Column> columns) {
    return value ? Outcome::of(std::move(*value), std::move(columns)) : outcome_of(value.error());
}

}  // namespace twinhub::apps::cli
