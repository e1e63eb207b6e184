#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin::drift {

// A pattern for paths below a part: keys joined by dots, where `*` stands for any run of characters
// of one key and `**` for any number of keys. It fits a path when it matches the path or one above
// it: `camera` fits `camera.resolution`.
class Glob {
public:
    Glob() = default;  // fits every path

    // Errors: argument_invalid when a key is empty or the pattern has more than 32 keys.
    static Result<Glob> parse(std::string_view text);

    bool fits(std::string_view path) const;
    const std::string& text() const { return text_; }

    friend bool operator==(const Glob& a, const Glob& b) { return a.text_ == b.text_; }

private:
    std::string text_;
    std::vector<std::string> keys_;
};

}  // namespace twinhub::twin::drift
