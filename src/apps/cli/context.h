#pragma once

#include "apps/cli/command.h"
#include "apps/client/service_client.h"
#include "apps/config/load.h"
#include "base/clock.h"
#include "base/random.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::apps::cli {

// What a running command has: its arguments, and the hub once it asks for it.
class Context {
public:
    Context(Arguments arguments, const Surroundings& surroundings)
        : arguments_(std::move(arguments)), around_(surroundings) {}

    const Arguments& arguments() const { return arguments_; }
    const Surroundings& around() const { return around_; }
    const Clock& clock() const { return clock_; }
    Random& random() { return random_; }

    // --login, TWINHUB_CONNECTION_STRING, IOTHUB_CONNECTION_STRING, or the data folder of this
    // machine, in this order; --hub-name and --port on top. Errors: argument_invalid.
    Result<Target> target() const;
    Result<ServiceClient*> hub();
    // The same for the provisioning service, whose connection string is another one:
    // TWINHUB_DPS_CONNECTION_STRING, and the policy provisioningserviceowner of the data folder.
    Result<ServiceClient*> provisioning();
    // Nothing when nobody named it: neither `option` nor the variable is given, and the hub is not
    // that of this machine. Errors: as target().
    Result<std::optional<Target>> provisioning_target(const char* option) const;

    // The configuration of the server on this machine: --config, --data, the environment.
    Loaded local() const;

private:
    std::string ca_file(const Config& local) const;
    // Whom a command talks to when nobody says so.
    struct Party {
        std::span<const char* const> variables;
        std::string_view policy;
    };
    Result<ConnectionString> connection(const Config& local, const Party& party,
                                        bool& is_local) const;
    Result<Target> target(const Party& party) const;
    Result<ServiceClient*> client(const Party& party);

    Arguments arguments_;
    const Surroundings& around_;
    SystemClock clock_;
    SystemRandom random_;
    std::unique_ptr<ServiceClient> hub_;
};

// How to say an error: what the user wrote wrong (argument_invalid, from our own checks) is a
// matter of usage, everything else was refused.
Outcome outcome_of(const Error& error);
Outcome outcome_of(Result<json::value> value, std::vector<Column> columns = {});

}  // namespace twinhub::apps::cli
