#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace twinhub::store {

// Behind the last byte of a log that is not zero: where what was written ends.
inline std::uintmax_t end_of_log(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    return bytes.find_last_not_of('\0') + 1;
}

}  // namespace twinhub::store
