#pragma once

#include "base/json.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace twinhub::hub {

// A member that nobody reads would be a wish that nobody hears: refused, with its path. Errors:
// argument_invalid.
inline Result<> check_members(const json::object& body,
                              std::initializer_list<std::string_view> known,
                              std::string_view where) {
    for (const auto& [name, value] : body) {
        bool found = false;
        for (const std::string_view one : known) found = found || name == one;
        if (found) continue;
        std::string text;
        for (const std::string_view one : known) {
            if (!text.empty()) text += ", ";
            text += one;
        }
        std::string path(where);
        if (!path.empty()) path += '.';
        path += std::string_view(name);
        return failure(Code::argument_invalid,
                       "There is no member of that name here; there are " + text, path);
    }
    return {};
}

}  // namespace twinhub::hub
