#include "twin/drift/glob.h"

#include "twin/drift/paths.h"

#include <cstddef>
#include <span>

namespace twinhub::twin::drift {
namespace {

constexpr std::size_t keys_max = 32;

// `*` is tried shortest first and only the last one is ever widened: linear in practice and at
// most the product of both lengths.
bool key_fits(std::string_view pattern, std::string_view key) {
    std::size_t p = 0;
    std::size_t k = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (k < key.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = k;
        } else if (p < pattern.size() && pattern[p] == key[k]) {
            ++p;
            ++k;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            k = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

// The same one level up: `**` is the star, keys are the characters. True also when the pattern ends
// before the path does.
bool path_fits(std::span<const std::string> pattern, std::span<const std::string_view> path) {
    std::size_t p = 0;
    std::size_t k = 0;
    std::size_t star = pattern.size();
    std::size_t resume = 0;
    while (true) {
        if (p == pattern.size()) return true;
        if (pattern[p] == "**") {
            star = p++;
            resume = k;
        } else if (k < path.size() && key_fits(pattern[p], path[k])) {
            ++p;
            ++k;
        } else if (star < pattern.size() && resume < path.size()) {
            p = star + 1;
            k = ++resume;
        } else {
            return false;
        }
    }
}

}  // namespace

Result<Glob> Glob::parse(std::string_view text) {
    Glob glob;
    glob.text_ = text;
    if (text.empty()) return glob;
    for (const std::string_view key : keys_of(text)) {
        if (key.empty())
            return failure(Code::argument_invalid, "A path pattern has an empty key", glob.text_);
        glob.keys_.emplace_back(key);
    }
    if (glob.keys_.size() > keys_max)
        return failure(Code::argument_invalid,
                       "A path pattern has at most " + std::to_string(keys_max) + " keys",
                       glob.text_);
    return glob;
}

bool Glob::fits(std::string_view path) const {
    return keys_.empty() || path_fits(keys_, keys_of(path));
}

}  // namespace twinhub::twin::drift
