#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// The measured fleet, device by device: what is in the twin of number n, before it becomes JSON.
// Every value is mixed from n alone, so any twin can be made alone, in any order and by any peer,
// and a question about the fleet can be answered without a database (fleet_truth.h).
namespace twinhub::load {

inline constexpr std::uint64_t site_count = 8000;
inline constexpr std::uint64_t chain_count = 36;  // a chain's sites share the prefix of their names

// What desired and reported have in common.
struct DeviceSettingsValues {
    std::string_view firmware;
    std::string_view mode;
    unsigned interval_seconds = 0;
    unsigned temperature_max = 0;
    bool night_saving = false;
};

struct TwinValues {
    std::uint64_t number = 0;
    std::uint64_t chance = 0;  // `number` spread over all bits
    std::uint64_t site = 0;    // below site_count; 80 sites are about 11 times as large as the rest
    std::string_view region;   // of five
    std::string_view ring;     // of four
    unsigned zone = 0;         // 0..11
    unsigned battery = 0;      // 0..100
    DeviceSettingsValues desired;
    DeviceSettingsValues reported;  // differs in 7 % of the devices, in firmware in 4.2 %

    // A number below `range` that nothing else decides: one for each salt.
    std::uint64_t some(unsigned salt, std::uint64_t range) const;
};
TwinValues twin_values(std::uint64_t number);

std::string chain_prefix(std::uint64_t site);  // "alder-"
std::string site_name(std::uint64_t site);     // "alder-0017"
std::string zone_name(unsigned zone);          // "z07"

}  // namespace twinhub::load
