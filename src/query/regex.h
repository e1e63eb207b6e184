#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}  // namespace re2

namespace twinhub::query {

// A compiled pattern of REGEX_MATCH: RE2, linear in the text, in bounded memory. Any number of
// threads may match with one.
class Regex {
public:
    // nullptr when the pattern is wrong or needs too much memory; `why` says so.
    static std::shared_ptr<const Regex> compile(std::string_view pattern, std::string& why);

    bool matches(std::string_view text) const;  // unanchored
    ~Regex();
    Regex(const Regex&) = delete;
    Regex& operator=(const Regex&) = delete;

private:
    explicit Regex(std::unique_ptr<re2::RE2> compiled);
    std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace twinhub::query
