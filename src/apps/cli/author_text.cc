#include "apps/cli/author_text.h"

#include "base/json_members.h"

#include <fmt/format.h>

namespace twinhub::apps::cli {

std::string author_words(const json::object& by) {
    std::string words = text_in(by, "principal");
    if (words.empty()) {
        words = text_in(by, "id");
        if (const std::string module = text_in(by, "module"); !module.empty())
            words += "/" + module;
        if (const std::string kind = text_in(by, "kind"); kind != "device" && !words.empty())
            words = fmt::format("{} {}", kind, words);
    }
    if (const json::value* const version = by.if_contains("version"))
        words += fmt::format(" version {}", to_text(*version));
    if (const std::string person = text_in(by, "person"); !person.empty())
        words += fmt::format(" for {}", person);
    return words;
}

}  // namespace twinhub::apps::cli
