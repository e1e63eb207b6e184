// Any bytes as a file of the time zone database: refused, or clocks that can be asked.
#include "base/time_zone.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace twinhub;
    const auto zone = TimeZone::parse(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!zone) {
        CHECK(zone.error().code == Code::corrupted);
        return 0;
    }
    for (int month = 0; month < 60; ++month) {
        const std::chrono::sys_seconds at{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1} +
                                          std::chrono::hours{731 * month}};
        const auto moments = zone->to_sys(zone->to_local(at));
        CHECK(moments.first <= moments.second);
    }
    return 0;
}
