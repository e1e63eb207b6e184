#pragma once

#include "base/json.h"
#include "base/result.h"

#include <cstdint>
#include <initializer_list>
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

// The text of a member of what a server answered; empty when there is none, or it is no text.
std::string text_in(const json::object& object, std::string_view name);
std::string text_in(const json::value& value, std::string_view name);
// The same of a member of members.
std::string text_at(const json::value& value, std::initializer_list<std::string_view> path);

}  // namespace twinhub
