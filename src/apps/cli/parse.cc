#include "apps/cli/parse.h"

#include "base/encoding.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <list>
#include <sstream>

namespace twinhub::apps::cli {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end != 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::string names_of(const Option& option) {
    return "--" + option.name + (option.other_names.empty() ? "" : "," + option.other_names);
}

// Options that every command that talks to a hub has.
const std::vector<Option>& common_options() {
    static const std::vector<Option> options{
        {.name = "login",
         .other_names = "-l",
         .about = "Connection string of a policy. Else TWINHUB_CONNECTION_STRING or "
                  "IOTHUB_CONNECTION_STRING, else the data folder of this machine"},
        {.name = "hub-name", .other_names = "-n", .about = "Host name of the hub"},
        {.name = "port", .about = "HTTPS port, when it is not 443"},
        {.name = "ca-file",
         .about = "PEM file of the CA to trust. Else TWINHUB_CA_FILE, else the data folder's, else "
                  "the system's"},
        {.name = "data", .about = "Data folder to take the connection from"},
        {.name = "config", .about = "Configuration file that names the data folder"},
        {.name = "resource-group", .other_names = "-g", .about = "Accepted and ignored"},
        {.name = "auth-type",
         .about = "Accepted and ignored",
         .fallback = "key",
         .choices = "key|login"},
    };
    return options;
}

const Option& output_option() {
    static const Option option{.name = "output",
                               .other_names = "-o",
                               .about = "Format of the answer",
                               .fallback = "json",
                               .choices = "json|jsonc|ndjson|table|tsv|yaml|yamlc|none"};
    return option;
}

// A command's own names come first: -n is the certificate of `certificate show`, as in az.
std::string names_left(const Option& common, const std::vector<Option>& own) {
    std::string left;
    for (const std::string& name : split(common.other_names, ','))
        if (std::ranges::none_of(own, [&](const Option& option) {
                const std::vector<std::string> taken = split(option.other_names, ',');
                return std::ranges::find(taken, name) != taken.end();
            }))
            left += (left.empty() ? "" : ",") + name;
    return left;
}

std::vector<Option> hub_options(const Command& command) {
    if (!command.talks_to_hub) return {};
    std::vector<Option> options;
    for (const Option& common : common_options()) {
        // --data is the message of `c2d-message send`.
        const bool is_taken = std::ranges::any_of(command.options, [&](const Option& own) {
            const std::vector<std::string> names = split(own.other_names, ',');
            return std::ranges::find(names, "--" + common.name) != names.end();
        });
        if (is_taken) continue;
        options.push_back(common);
        options.back().other_names = names_left(common, command.options);
    }
    return options;
}

std::vector<Option> all_options(const Command& command) {
    std::vector<Option> options = command.options;
    std::ranges::move(hub_options(command), std::back_inserter(options));
    options.push_back(output_option());
    return options;
}

std::string option_line(const Option& option) {
    std::string names = "--" + option.name;
    for (const std::string& other : split(option.other_names, ',')) names += " " + other;
    std::string about = option.about;
    if (!option.choices.empty())
        about += fmt::format(": {}", fmt::join(split(option.choices, '|'), ", "));
    if (option.required) about += " (required)";
    if (!option.fallback.empty()) about += fmt::format(" (default {})", option.fallback);
    return fmt::format("  {:<34} {}\n", names, about);
}

// What CLI11 says, as one line of ours.
std::string plain_words(std::string message) {
    std::ranges::replace(message, '\n', ' ');
    while (message.ends_with(' ') || message.ends_with('.')) message.pop_back();
    return message;
}

Result<> check_choice(const Option& option, const std::vector<std::string>& values) {
    if (option.choices.empty()) return {};
    const std::vector<std::string> choices = split(option.choices, '|');
    for (const std::string& value : values) {
        if (std::ranges::any_of(choices, [&](const std::string& choice) {
                return equals_ignoring_case(choice, value);
            }))
            continue;
        return failure(Code::argument_invalid,
                       fmt::format("--{} is one of {}, not '{}'", option.name,
                                   fmt::join(choices, ", "), value));
    }
    return {};
}

}  // namespace

std::string Arguments::text(const std::string& name) const {
    if (const auto given = values_.find(name); given != values_.end() && !given->second.empty())
        return given->second.back();
    const auto fallback = fallbacks_.find(name);
    return fallback == fallbacks_.end() ? "" : fallback->second;
}

std::vector<std::string> Arguments::list(const std::string& name) const {
    const auto given = values_.find(name);
    return given == values_.end() ? std::vector<std::string>{} : given->second;
}

bool Arguments::flag(const std::string& name) const {
    const std::string value = ascii_lower(text(name));
    return value == "true" || value == "yes" || value == "1" || value == "on";
}

const Command* find_command(std::span<const std::string> arguments, std::size_t& words_used) {
    const Command* found = nullptr;
    for (const Command& command : commands()) {
        const std::vector<std::string> words = split(command.words, ' ');
        if (words.size() > arguments.size() ||
            !std::ranges::equal(words, arguments.first(words.size())))
            continue;
        if (found && words.size() <= words_used) continue;
        found = &command;
        words_used = words.size();
    }
    return found;
}

Result<Arguments> parse_options(const Command& command, std::span<const std::string> arguments) {
    const std::vector<Option> options = all_options(command);
    std::list<std::vector<std::string>> values;  // stays where CLI11 was told it is
    std::vector<CLI::Option*> handles;
    std::map<std::string, std::string> in_place;
    CLI::App app;
    app.set_help_flag();
    try {
        for (const Option& option : options) {
            CLI::Option* handle = app.add_option(names_of(option), values.emplace_back());
            if (option.takes != Takes::many) handle->allow_extra_args(false);
            if (option.takes == Takes::one)
                handle->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
            if (option.takes == Takes::flag) handle->expected(0, 1);
            if (option.takes == Takes::none) handle->expected(0);
            if (option.takes == Takes::many)
                handle->expected(1, CLI::detail::expected_max_vector_size);
            handles.push_back(handle);
        }
        app.allow_extras();
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
        std::vector<std::string> rest = app.remaining();
        if (rest.size() == 1 && !rest.front().starts_with('-'))
            for (std::size_t i = 0; i < options.size(); ++i)
                if (!options[i].in_place.empty() && handles[i]->count() == 0 && !rest.empty()) {
                    in_place.emplace(options[i].name, rest.front());
                    rest.clear();
                }
        if (!rest.empty()) {
            const bool is_option = rest.front().starts_with('-');
            return failure(
                Code::argument_invalid,
                fmt::format("{} '{}'", is_option ? "there is no option" : "nothing asks for",
                            rest.front()));
        }
    } catch (const CLI::ArgumentMismatch& error) {
        const std::string text = error.what();
        return failure(Code::argument_invalid, text.substr(0, text.find(':')) + " takes a value");
    } catch (const CLI::ParseError& error) {
        return failure(Code::argument_invalid, plain_words(error.what()));
    }
    Arguments result;
    auto value = values.begin();
    for (std::size_t i = 0; i < options.size(); ++i, ++value) {
        const Option& option = options[i];
        if (const auto given = in_place.find(option.name); given != in_place.end()) {
            result.set(option.name, {given->second});
            continue;
        }
        if (handles[i]->count() == 0) {
            if (option.required)
                return failure(Code::argument_invalid,
                               fmt::format("--{} is required", option.name));
            if (!option.fallback.empty()) result.set_fallback(option.name, option.fallback);
            continue;
        }
        std::vector<std::string> given = *value;
        if (option.takes == Takes::none) given = {"true"};
        if (option.takes == Takes::flag) {
            std::erase(given, "");
            if (given.empty()) given = {"true"};
            const std::string word = ascii_lower(given.back());
            if (word != "true" && word != "false" && word != "yes" && word != "no" && word != "1" &&
                word != "0")
                return failure(
                    Code::argument_invalid,
                    fmt::format("--{} is true or false, not '{}'", option.name, given.back()));
        }
        TRY_VOID(check_choice(option, given));
        result.set(option.name, std::move(given));
    }
    return result;
}

std::string help_of_command(const Command& command) {
    std::string out = fmt::format("{}\n\n  twinhub {}", command.about, command.words);
    for (const Option& option : command.options)
        if (!option.in_place.empty()) out += " " + option.in_place;
        else if (option.required)
            out += fmt::format(" --{} {}", option.name, option.takes == Takes::many ? "..." : "X");
    out += " [OPTIONS]\n\n";
    for (const Option& option : command.options) out += option_line(option);
    if (command.talks_to_hub) {
        out += "\nThe hub:\n";
        for (const Option& option : hub_options(command)) out += option_line(option);
    }
    return out + "\n" + option_line(output_option());
}

std::string help_of_group(std::string_view words) {
    std::string out;
    for (const Command& command : commands())
        if (command.words.starts_with(words))
            out += fmt::format("  {:<42} {}\n", command.words, command.about);
    return out;
}

std::string help_of_program() {
    return "twinhub: a device-twin hub that speaks Azure IoT Hub's protocols\n\n" +
           help_of_group("") + "\nOptions of a command: twinhub COMMAND --help\n";
}

std::string unknown_command(std::span<const std::string> arguments) {
    std::string words;
    for (const std::string& argument : arguments) {
        if (argument.starts_with('-') || words.size() > 60) break;
        words += (words.empty() ? "" : " ") + argument;
    }
    if (words.empty()) return "name a command (see twinhub --help)";
    // The longest beginning that is one of a command says where the user meant to go.
    for (std::string begin = words; !begin.empty();
         begin = begin.substr(0, begin.rfind(' ') == std::string::npos ? 0 : begin.rfind(' '))) {
        std::vector<std::string> near;
        for (const Command& command : commands())
            if (command.words.starts_with(begin + " "))
                near.push_back(command.words.substr(begin.size() + 1));
        if (near.empty()) continue;
        return begin == words
                   ? fmt::format("'{}' goes on with one of: {}", words, fmt::join(near, ", "))
                   : fmt::format("'{}' is no command; after '{}' comes one of: {}", words, begin,
                                 fmt::join(near, ", "));
    }
    return fmt::format("'{}' is no command (see twinhub --help)", words);
}

}  // namespace twinhub::apps::cli
