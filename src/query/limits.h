#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// What one query may ask for. Each bounds the memory or the time that a text can cost.
namespace twinhub::query {

inline constexpr std::size_t text_characters_max =
    8192;                                          // Unicode characters, spec query-language 1
inline constexpr int nesting_max = 64;             // of the parser, section 12
inline constexpr int expression_height_max = 256;  // long chains of + or * included
inline constexpr std::size_t list_constants_max = 1000;  // section 12
inline constexpr std::size_t arguments_max = 16;         // of one call
inline constexpr std::size_t path_segments_max = 32;
inline constexpr std::size_t paths_max = 256;  // different ones in a query
inline constexpr std::size_t items_max = 128;  // columns of the answer
inline constexpr std::size_t group_keys_max = 8;
inline constexpr std::size_t sort_keys_max = 8;
inline constexpr std::size_t pattern_characters_max = 256;  // REGEX_MATCH, section 11
inline constexpr std::size_t patterns_max = 8;              // in a query
inline constexpr std::size_t pattern_memory_max = 1 << 20;  // bytes of one compiled pattern
inline constexpr std::size_t computed_text_bytes_max =
    32 << 10;                                           // CONCAT and the like; beyond: undefined
inline constexpr std::size_t near_characters_max = 24;  // of an error
inline constexpr std::chrono::milliseconds hint_time_max = std::chrono::hours{1};

}  // namespace twinhub::query
