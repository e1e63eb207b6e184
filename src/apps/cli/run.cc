#include "apps/cli/entity.h"
#include "apps/cli/monitor_events.h"
#include "apps/cli/parse.h"
#include "apps/cli/received_message.h"
#include "apps/cli/render.h"
#include "apps/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace twinhub::apps::cli {
namespace {

int finish(Exit exit) { return static_cast<int>(exit); }

bool asks_for_help(std::span<const std::string> arguments) {
    return std::ranges::any_of(arguments,
                               [](const std::string& a) { return a == "--help" || a == "-h"; });
}

// Help for the words before --help: a command's, or a list of those that begin so.
int help(std::span<const std::string> arguments, const Surroundings& around) {
    std::size_t used = 0;
    if (const Command* command = find_command(arguments, used)) {
        around.out << help_of_command(*command);
        return finish(Exit::good);
    }
    std::string words;
    for (const std::string& argument : arguments)
        if (!argument.starts_with('-')) words += argument + " ";
    const std::string list = help_of_group(words);
    around.out << (words.empty() || list.empty() ? help_of_program() : list);
    return finish(words.empty() || !list.empty() ? Exit::good : Exit::usage);
}

}  // namespace

const std::vector<Command>& commands() {
    static const std::vector<Command> all = [] {
        std::vector<Command> list;
        for (auto* part : {server_commands, query_commands, drift_commands, change_commands,
                           ledger_commands, configuration_commands, connection_commands,
                           job_commands, rollout_commands, twin_commands, identity_commands,
                           key_commands, certificate_commands, message_commands, dps_commands,
                           hub_commands, event_commands, received_message_commands})
            std::ranges::move(part(), std::back_inserter(list));
        return list;
    }();
    return all;
}

int run(std::span<const std::string> arguments, const Surroundings& around) {
    if (arguments.empty()) {
        around.err << help_of_program();
        return finish(Exit::usage);
    }
    if (asks_for_help(arguments) || arguments[0] == "help")
        return help(arguments.subspan(arguments[0] == "help" ? 1 : 0), around);
    if (arguments[0] == "--version") {
        around.out << "twinhub " << version << "\n";
        return finish(Exit::good);
    }
    std::size_t used = 0;
    const Command* command = find_command(arguments, used);
    if (!command) {
        around.err << "twinhub: " << unknown_command(arguments) << "\n";
        return finish(Exit::usage);
    }
    auto options = parse_options(*command, arguments.subspan(used));
    if (!options) {
        around.err << fmt::format("twinhub {}: {} (see twinhub {} --help)\n", command->words,
                                  options.error().message, command->words);
        return finish(Exit::usage);
    }
    const std::string format = options->text("output");
    Context context(std::move(*options), around);
    const Outcome outcome = command->run(context);
    if (!outcome.problem.empty()) {
        const bool many = outcome.problem.find('\n') != std::string::npos;
        around.err << (outcome.exit == Exit::usage && !many
                           ? fmt::format("twinhub {}: ", command->words)
                           : "")
                   << outcome.problem << "\n";
    }
    around.out << outcome.text;
    if (outcome.value) around.out << render(*outcome.value, outcome.columns, format);
    around.out.flush();
    return finish(outcome.exit);
}

}  // namespace twinhub::apps::cli
