#pragma once

#include "base/json.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub {

// Members of a client's object. One that is absent or null reads as nothing (spec service-api 4.2:
// clients send back everything they know); one of another type is argument_invalid, naming it.

Result<std::optional<std::string>> text_member(const json::object& object, std::string_view name);
Result<std::optional<bool>> flag_member(const json::object& object, std::string_view name);
Result<std::optional<std::int64_t>> integer_member(const json::object& object,
                                                   std::string_view name);
Result<const json::object*> object_member(const json::object& object,
                                          std::string_view name);  // or nullptr
Result<const json::array*> array_member(const json::object& object,
                                        std::string_view name);  // or nullptr

}  // namespace twinhub
