#pragma once

#include <cstdint>
#include <string_view>

namespace twinhub::store {

// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes` behind what `crc` already covers; start
// with 0. By the processor's own instruction where it has one.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes);

// The same without it; public so that both can be tested against each other.
std::uint32_t crc32c_portable(std::uint32_t crc, std::string_view bytes);

}  // namespace twinhub::store
