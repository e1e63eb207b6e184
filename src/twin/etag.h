#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin {

// Base64 of the counter in eight big-endian bytes: 1 is "AAAAAAAAAAE=" (spec twin-document 4).
std::string etag_text(std::uint64_t counter);

// What an If-Match header asks for (spec service-api 1.5). Etags are compared as opaque text.
class Match {
public:
    Match() = default;  // no header: unconditional for twins
    static Match any();
    static Match one_of(std::vector<std::string> etags);

    // Reads `*`, `"*"`, one etag or a list, quoted or not, with or without W/.
    // Errors: argument_invalid when an entry is empty.
    static Result<Match> parse(std::string_view header);

    bool is_absent() const { return kind_ == Kind::absent; }
    bool is_any() const { return kind_ == Kind::any; }
    // True when there is no condition, for any, or when one of the etags is this one.
    bool matches(std::string_view etag) const;

    friend bool operator==(const Match&, const Match&) = default;

private:
    enum class Kind : std::uint8_t { absent, any, list };
    Kind kind_ = Kind::absent;
    std::vector<std::string> etags_;
};

// Drops one pair of double quotes: clients echo header values in bodies.
std::string_view unquoted(std::string_view etag);

}  // namespace twinhub::twin
