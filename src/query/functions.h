#pragma once

#include "query/limits.h"
#include "query/plan.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace twinhub::query {

// What an argument may be. A constant of another type can never match: typeError.
enum class Wants : std::uint8_t {
    anything,
    path,
    text,
    number,
    array,
    primitive,
    pattern,
    polygon
};

// One name of a function (spec query-language 6 and 11). A function may have several names.
struct FunctionInfo {
    std::string_view name;  // upper case
    Function function;
    bool azure;  // also in dialect azure
    std::uint8_t arguments_min;
    std::uint8_t arguments_max;
    std::array<Wants, 3> wants;  // the last one also for all further arguments
};

std::span<const FunctionInfo> functions();
const FunctionInfo* find_function(std::string_view name);  // case-insensitive; nullptr when unknown
const FunctionInfo& info_of(Function function);            // under its first name in the table

// What to write instead of a name that is unknown or not in the dialect; "" without an idea.
std::string_view suggestion(std::string_view name);

}  // namespace twinhub::query
