#pragma once

#include "apps/cli/command.h"

namespace twinhub::apps::cli {

// Finds the command that the first words name; nothing when there is none.
const Command* find_command(std::span<const std::string> arguments, std::size_t& words_used);

// Reads the options of `command`. Errors: argument_invalid, one line for the user.
Result<Arguments> parse_options(const Command& command, std::span<const std::string> arguments);

std::string help_of_program();
std::string help_of_group(std::string_view words);  // commands that begin with the words
std::string help_of_command(const Command& command);

// The one line for words that are no command, with the nearest ones.
std::string unknown_command(std::span<const std::string> arguments);

}  // namespace twinhub::apps::cli
