#include "base/zone_files.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace twinhub {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::streamsize file_bytes_max = 64 * 1024;

}  // namespace

bool is_zone_name(std::string_view name) {
    if (name.empty() || name.size() > name_bytes_max || name.starts_with('/') ||
        name.ends_with('/') || name.find("//") != std::string_view::npos)
        return false;
    return std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '+' || c == '-' || c == '/';
    });
}

Result<TimeZone> read_time_zone(const std::string& folder, std::string_view name) {
    if (!is_zone_name(name))
        return failure(Code::argument_invalid, "'" + std::string(name) + "' names no time zone");
    if (name == "UTC") return TimeZone();
    std::ifstream file(folder + "/" + std::string(name), std::ios::binary);
    std::string bytes(static_cast<std::size_t>(file_bytes_max), '\0');
    file.read(bytes.data(), file_bytes_max);
    bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    auto zone = bytes.empty() ? std::unexpected(Error{}) : TimeZone::parse(bytes);
    if (!zone)
        return failure(Code::not_found, "There is no time zone '" + std::string(name) +
                                            "' in the database of this machine (package tzdata)");
    return zone;
}

}  // namespace twinhub
