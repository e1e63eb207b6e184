#pragma once

#include "apps/cli/command.h"

#include <string>
#include <string_view>

namespace twinhub::apps::cli {

// `value` in the format of --output: json, jsonc (the same: no colours), table, tsv, yaml or none.
std::string render(const json::value& value, const std::vector<Column>& columns,
                   std::string_view format);

std::string to_pretty(const json::value& value);  // indented by 2, ends with a line break
std::string to_yaml(const json::value& value);

}  // namespace twinhub::apps::cli
