#pragma once

#include "apps/cli/command.h"

#include <string>
#include <string_view>

namespace twinhub::apps::cli {

// `value` in the format of --output: json, jsonc (the same: no colours), ndjson (a line an item),
// table, tsv, yaml or none.
std::string render(const json::value& value, const std::vector<Column>& columns,
                   std::string_view format);

// Items one by one, each with its line end, as `render` would write them: ndjson, and tsv, there
// with the columns given, if any, so that a member that one lacks leaves its place empty.
std::string render_lines(const json::array& items, const std::vector<Column>& columns,
                         std::string_view format);

std::string to_pretty(const json::value& value);  // indented by 2, ends with a line break
std::string to_yaml(const json::value& value);

}  // namespace twinhub::apps::cli
