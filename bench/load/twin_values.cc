#include "twin_values.h"

#include <fmt/format.h>

#include <array>

namespace twinhub::load {
namespace {

// splitmix64: spreads a number over all bits, so that neighbours differ in everything.
std::uint64_t spread(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

constexpr std::array<std::string_view, chain_count> chains{
    "alder", "aspen", "beech",  "birch", "briar",  "cedar",  "cherry", "clover", "cypress",
    "daisy", "elder", "elm",    "fern",  "fir",    "hazel",  "heath",  "holly",  "iris",
    "ivy",   "lark",  "laurel", "lilac", "linden", "lotus",  "maple",  "myrtle", "oak",
    "olive", "pine",  "poplar", "reed",  "rowan",  "sorrel", "spruce", "thyme",  "willow"};
constexpr std::array<std::string_view, 5> regions{"emea", "amer", "apac", "latam", "anz"};
constexpr std::array<std::string_view, 12> firmwares{"2.4.1", "2.4.0", "2.3.7", "2.3.2",
                                                     "2.3.0", "2.2.3", "2.2.0", "2.1.4",
                                                     "2.1.0", "2.4.2", "2.5.0", "2.5.1-beta"};
constexpr std::array<std::string_view, 4> modes{"auto", "manual", "eco", "boost"};

constexpr std::uint64_t large_sites = 80;
constexpr std::uint64_t large_site_step = 101;   // spreads them over all regions and chains
constexpr std::uint64_t large_site_share = 104;  // of 1,000 devices
constexpr std::uint64_t firmware_drift = 42;     // of 1,000 devices
constexpr std::uint64_t other_drift = 29;        // of 1,000 devices, independent of the firmware

// Each value draws from a salt of its own; twin_body.cc goes on at 100.
enum Salt : unsigned {
    salt_large_site,
    salt_site,
    salt_ring,
    salt_zone,
    salt_battery,
    salt_old_hardware,
    salt_mode,
    salt_interval,
    salt_temperature,
    salt_night_saving,
    salt_firmware_lags,
    salt_firmware_step,
    salt_other_lags,
    salt_other_what,
};

std::string_view ring_of(std::uint64_t of_100) {
    if (of_100 < 1) return "canary";
    if (of_100 < 10) return "early";
    return of_100 < 90 ? "broad" : "late";
}

std::size_t desired_firmware(std::string_view ring, bool old_hardware) {
    if (old_hardware) return 2;
    if (ring == "canary") return 11;
    if (ring == "early") return 9;
    return 0;
}

}  // namespace

std::uint64_t TwinValues::some(unsigned salt, std::uint64_t range) const {
    return spread(chance + salt) % range;
}

TwinValues twin_values(std::uint64_t number) {
    TwinValues twin;
    twin.number = number;
    twin.chance = spread(number);
    twin.site = twin.some(salt_large_site, 1000) < large_site_share
                    ? twin.some(salt_site, large_sites) * large_site_step
                    : twin.some(salt_site, site_count);
    twin.region = regions[twin.site % regions.size()];
    twin.ring = ring_of(twin.some(salt_ring, 100));
    twin.zone = static_cast<unsigned>(twin.some(salt_zone, 12));
    twin.battery = static_cast<unsigned>(twin.some(salt_battery, 101));

    const std::size_t wanted = desired_firmware(twin.ring, twin.some(salt_old_hardware, 10) == 0);
    twin.desired = {
        .firmware = firmwares[wanted],
        .mode = modes[twin.some(salt_mode, modes.size())],
        .interval_seconds = 30 + 30 * static_cast<unsigned>(twin.some(salt_interval, 10)),
        .temperature_max = 24 + static_cast<unsigned>(twin.some(salt_temperature, 12)),
        .night_saving = twin.some(salt_night_saving, 2) == 0};
    twin.reported = twin.desired;
    if (twin.some(salt_firmware_lags, 1000) < firmware_drift) {
        const std::size_t step = 1 + twin.some(salt_firmware_step, firmwares.size() - 1);
        twin.reported.firmware = firmwares[(wanted + step) % firmwares.size()];
    }
    if (twin.some(salt_other_lags, 1000) < other_drift) {
        switch (twin.some(salt_other_what, 4)) {
            case 0: twin.reported.mode = twin.desired.mode == "auto" ? "manual" : "auto"; break;
            case 1: twin.reported.interval_seconds += 30; break;
            case 2: --twin.reported.temperature_max; break;
            default: twin.reported.night_saving = !twin.desired.night_saving;
        }
    }
    return twin;
}

std::string chain_prefix(std::uint64_t site) {
    return fmt::format("{}-", chains[site * chain_count / site_count]);
}

std::string site_name(std::uint64_t site) {
    return fmt::format("{}{:04}", chain_prefix(site), site);
}

std::string zone_name(unsigned zone) { return fmt::format("z{:02}", zone); }

}  // namespace twinhub::load
