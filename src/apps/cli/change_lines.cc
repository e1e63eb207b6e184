#include "apps/cli/change_lines.h"

#include "apps/cli/history_commands.h"
#include "base/encoding.h"
#include "base/json_members.h"

#include <fmt/format.h>

#include <ostream>

namespace twinhub::apps::cli {

bool ChangeLines::is_done() const {
    return !out_.good() || (lines_max_ != 0 && printed_ >= lines_max_);
}

bool ChangeLines::take(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto parsed = parse_json(line, {.bytes_max = 256 << 20, .depth_max = 64});
    if (!parsed || !parsed->is_object()) return true;
    const json::object& object = parsed->get_object();
    got_some_ = true;
    if (object.contains("error")) err_ << text_in(object, "message") << std::endl;
    if (object.contains("kind")) print(line, object);
    if (const json::value* end = object.if_contains("end"))
        at_end_ = end->is_bool() && end->get_bool();
    if (std::string cursor = text_in(object, "cursor"); !cursor.empty())
        cursor_ = std::move(cursor);
    return !is_done();
}

void ChangeLines::print(std::string_view line, json::object change) {
    if (is_done()) return;
    ++printed_;
    if (!table_) {
        out_ << line << std::endl;
        return;
    }
    describe(change);
    std::string id = text_in(change, "deviceId");
    if (const std::string module = text_in(change, "moduleId"); !module.empty()) id += "/" + module;
    out_ << fmt::format("{}\t{}\t{}\t{}\t{}", text_in(change, "at"), id, text_in(change, "cause"),
                        text_in(change, "who"), text_in(change, "what"))
         << std::endl;
}

std::string changes_path(const Arguments& arguments) {
    std::string path = "/changes?";
    constexpr std::pair<const char*, const char*> options[] = {{"where", "where"},
                                                               {"path", "path"},
                                                               {"author", "author"},
                                                               {"cause", "cause"},
                                                               {"device-id", "device"}};
    for (const auto& [option, parameter] : options)
        if (arguments.has(option))
            path += fmt::format("{}={}&", parameter, percent_encode(arguments.text(option)));
    return path;
}

std::string since_text(std::string_view text) { return time_ago(text).value_or(std::string(text)); }

}  // namespace twinhub::apps::cli
