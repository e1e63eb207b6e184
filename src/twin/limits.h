#pragma once

#include <cstddef>
#include <cstdint>

namespace twinhub::twin {

// What a twin may hold (spec twin-document 6). "bytes" are UTF-8 bytes; sizes of sections are
// counted as that section says: characters without controls, 8 a number, 4 a boolean.
inline constexpr std::size_t key_bytes_max = 1024;
inline constexpr std::size_t string_bytes_max = 4096;
inline constexpr std::int64_t integer_min = -4503599627370496;  // -2^52
inline constexpr std::int64_t integer_max = 4503599627370495;   // 2^52 - 1
inline constexpr std::size_t depth_max = 10;  // objects and arrays nested below a section's root
inline constexpr std::size_t tags_size_max = 8192;
inline constexpr std::size_t desired_size_max = 32768;
inline constexpr std::size_t reported_size_max = 32768;
inline constexpr std::size_t update_bytes_max = 65536;  // body of one twin update, refused early

}  // namespace twinhub::twin
