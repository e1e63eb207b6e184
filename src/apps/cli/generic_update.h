#pragma once

#include "apps/cli/command.h"

namespace twinhub::apps::cli {

// The generic updates of `az`: --set a.b[0]=value ..., --add list value|k=v ..., --remove a.b
// [index]. Values are JSON when they read as JSON, else words; with `force_string` always words.
// Errors: argument_invalid, one line.
Result<> apply_generic_updates(json::value& document, const Arguments& arguments);

bool has_generic_updates(const Arguments& arguments);
std::vector<Option> generic_update_options();

// A JSON argument: inline, or the path of a file that holds it.
Result<json::value> read_json_argument(const std::string& name, const std::string& text);
Result<json::object> read_object_argument(const std::string& name, const std::string& text);

}  // namespace twinhub::apps::cli
