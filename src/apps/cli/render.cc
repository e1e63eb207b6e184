#include "apps/cli/render.h"

#include <fmt/format.h>

namespace twinhub::apps::cli {
namespace {

void append_pretty(std::string& out, const json::value& value, std::size_t depth) {
    const auto line = [&](std::size_t to) {
        out += '\n';
        out.append(to * 2, ' ');
    };
    bool first = true;
    if (value.is_object() && !value.get_object().empty()) {
        out += '{';
        for (const auto& [key, member] : value.get_object()) {
            if (!std::exchange(first, false)) out += ',';
            line(depth + 1);
            append_json_string(out, key);
            out += ": ";
            append_pretty(out, member, depth + 1);
        }
        line(depth);
        out += '}';
    } else if (value.is_array() && !value.get_array().empty()) {
        out += '[';
        for (const json::value& item : value.get_array()) {
            if (!std::exchange(first, false)) out += ',';
            line(depth + 1);
            append_pretty(out, item, depth + 1);
        }
        line(depth);
        out += ']';
    } else {
        append_json(out, value);
    }
}

// Text of one cell: words without quotes, nothing for null, and one line whatever a device wrote.
std::string cell(const json::value& value) {
    if (value.is_null()) return {};
    if (!value.is_string()) return to_text(value);
    std::string out;
    for (const char c : value.get_string()) {
        if (c == '\t') out += "\\t";
        else if (c == '\n') out += "\\n";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) out += '?';
        else out += c;
    }
    return out;
}

const json::value* find(const json::value& value, std::string_view path) {
    if (value.is_object())  // an alias may have dots
        if (const json::value* exact = value.get_object().if_contains(path)) return exact;
    const json::value* at = &value;
    while (!path.empty()) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        if (!at->is_object()) return nullptr;
        at = at->get_object().if_contains(path.substr(0, dot));
        if (!at) return nullptr;
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
    return at;
}

// Every scalar member of the objects, in the order in which they are first seen.
std::vector<Column> scalar_columns(const json::array& items) {
    std::vector<Column> columns;
    for (const json::value& item : items) {
        if (!item.is_object()) continue;
        for (const auto& [key, member] : item.get_object()) {
            const std::string name = std::string(std::string_view(key));
            if (member.is_structured() ||
                std::ranges::find(columns, name, &Column::path) != columns.end())
                continue;
            std::string title = name;
            if (!title.empty() && title[0] >= 'a' && title[0] <= 'z')
                title[0] = static_cast<char>(title[0] - 'a' + 'A');
            columns.push_back({std::move(title), name});
        }
    }
    return columns;
}

// Characters on the screen, counting one for each code point.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string table(const json::array& items, std::vector<Column> columns) {
    if (items.empty()) return {};
    std::vector<std::vector<std::string>> rows(1);
    // A column that none of them has says nothing: devices have no module.
    std::erase_if(columns, [&](const Column& column) {
        return std::ranges::none_of(
            items, [&](const json::value& item) { return find(item, column.path) != nullptr; });
    });
    if (columns.empty()) columns = scalar_columns(items);
    if (columns.empty()) columns = {{"Result", ""}};
    for (const Column& column : columns) rows[0].push_back(column.title);
    for (const json::value& item : items) {
        std::vector<std::string>& row = rows.emplace_back();
        for (const Column& column : columns) {
            const json::value* value = find(item, column.path);
            row.push_back(value ? cell(*value) : "");
        }
    }
    std::vector<std::size_t> widths(columns.size());
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row[i]));
    std::string out;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        std::string line, rule;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            line +=
                (i ? "  " : "") + rows[r][i] + std::string(widths[i] - width_of(rows[r][i]), ' ');
            rule += (i ? "  " : "") + std::string(widths[i], '-');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
        if (r == 0) out += rule + "\n";
    }
    return out;
}

std::string tsv(const json::array& items, const std::vector<Column>& columns) {
    std::string out;
    for (const json::value& item : items) {
        bool first = true;
        const auto add = [&](const json::value& value) {
            out += (std::exchange(first, false) ? "" : "\t") + cell(value);
        };
        if (!columns.empty()) {
            for (const Column& column : columns) {
                const json::value* value = find(item, column.path);
                add(value ? *value : json::value());
            }
        } else if (item.is_object()) {
            for (const auto& member : item.get_object()) add(member.value());
        } else if (item.is_array()) {
            for (const json::value& value : item.get_array()) add(value);
        } else {
            add(item);
        }
        out += '\n';
    }
    return out;
}

std::string ndjson(const json::array& items) {
    std::string out;
    for (const json::value& item : items) {
        append_json(out, item);
        out += '\n';
    }
    return out;
}

bool is_plain_yaml(std::string_view text) {
    static constexpr std::string_view words[] = {"true", "false", "null", "yes",  "no",    "on",
                                                 "off",  "y",     "n",    "True", "False", "Null",
                                                 "Yes",  "No",    "On",   "Off"};
    if (text.empty() || std::ranges::find(words, text) != std::end(words)) return false;
    const char c = text.front();
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/')) return false;
    return std::ranges::all_of(text, [](char d) {
        return (d >= 'a' && d <= 'z') || (d >= 'A' && d <= 'Z') || (d >= '0' && d <= '9') ||
               d == '_' || d == '-' || d == '.' || d == '/';
    });
}

void append_yaml_scalar(std::string& out, const json::value& value) {
    if (value.is_string() && is_plain_yaml(value.get_string()))
        out += std::string_view(value.get_string());
    else append_json(out, value);  // every JSON scalar, {} and [] are YAML
}

void append_yaml(std::string& out, const json::value& value, std::size_t depth, bool after_dash) {
    const auto indent = [&](bool first) {
        if (!first || !after_dash) out.append(depth * 2, ' ');
    };
    const auto is_block = [](const json::value& v) {
        return (v.is_object() && !v.get_object().empty()) ||
               (v.is_array() && !v.get_array().empty());
    };
    bool first = true;
    if (value.is_object() && !value.get_object().empty()) {
        for (const auto& [key, member] : value.get_object()) {
            indent(std::exchange(first, false));
            append_yaml_scalar(out, json::value(key));
            out += ':';
            if (is_block(member)) {
                out += '\n';
                append_yaml(out, member, member.is_array() ? depth : depth + 1, false);
            } else {
                out += ' ';
                append_yaml_scalar(out, member);
                out += '\n';
            }
        }
    } else if (value.is_array() && !value.get_array().empty()) {
        for (const json::value& item : value.get_array()) {
            indent(std::exchange(first, false));
            out += "- ";
            append_yaml(out, item, depth + 1, true);
        }
    } else {
        indent(true);
        append_yaml_scalar(out, value);
        out += '\n';
    }
}

}  // namespace

std::string to_pretty(const json::value& value) {
    std::string out;
    append_pretty(out, value, 0);
    return out + "\n";
}

std::string to_yaml(const json::value& value) {
    std::string out;
    append_yaml(out, value, 0, false);
    return out;
}

std::string render(const json::value& value, const std::vector<Column>& columns,
                   std::string_view format) {
    if (format == "none") return {};
    if (format == "yaml" || format == "yamlc") return to_yaml(value);
    if (format == "table" || format == "tsv" || format == "ndjson") {
        const json::array items = value.is_array() ? value.get_array() : json::array{value};
        return format == "table" ? table(items, columns) : render_lines(items, {}, format);
    }
    return to_pretty(value);
}

std::string render_lines(const json::array& items, const std::vector<Column>& columns,
                         std::string_view format) {
    return format == "tsv" ? tsv(items, columns) : ndjson(items);
}

}  // namespace twinhub::apps::cli
