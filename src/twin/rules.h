#pragma once

#include "base/json.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace twinhub::twin {

// What a null member of an object means: delete (a merge), or nothing (a replacement).
enum class Nulls : std::uint8_t { kept, dropped };

// Checks names, values and nesting of what is to be written below `path` (spec twin-document 6),
// and brings it to one form: integers signed, nulls dropped where asked. Errors: argument_invalid
// with path, limit and actual.
Result<> check_values(json::object& body, std::string_view path, Nulls nulls);

// A piece of the client's own text, fit for a message: short, without control characters and
// without
// ';', at which service clients cut messages off.
std::string shown(std::string_view text);

}  // namespace twinhub::twin
