#include "apps/cli/explain.h"

#include "apps/cli/render.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::apps::cli {
namespace {

std::string text_of(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : to_text(value);
}

// Indented under its name: steps as a table, texts a line each.
std::string listed(std::string_view name, const json::array& items) {
    std::string body;
    const bool steps =
        std::ranges::all_of(items, [](const auto& item) { return item.is_object(); });
    if (steps) body = render(json::value(items), {}, "table");
    else
        for (const json::value& item : items) body += text_of(item) + "\n";
    std::string out = fmt::format("{}:{}\n", name, items.empty() ? " none" : "");
    for (std::size_t at = 0; at < body.size();) {
        const std::size_t end = body.find('\n', at) + 1;
        out += "  " + body.substr(at, end - at);
        at = end;
    }
    return out;
}

}  // namespace

std::string explained(const json::array& rows) {
    std::string out;
    for (const json::value& row : rows) {
        if (!row.is_object()) continue;
        for (const auto& [name, value] : row.get_object()) {
            if (value.is_array()) out += listed(name, value.get_array());
            else out += fmt::format("{}: {}\n", std::string_view(name), text_of(value));
        }
    }
    return out;
}

}  // namespace twinhub::apps::cli
