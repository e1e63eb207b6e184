#include "twin_body.h"

#include "credentials.h"
#include "twin_values.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace twinhub::load {
namespace {

constexpr std::array<std::string_view, 4> models{"greenhouse-4", "greenhouse-5", "tunnel-2",
                                                 "orchard-1"};
constexpr std::array<std::string_view, 6> revisions{"A1", "A2", "B1", "B2", "C1", "C2"};

// What only the text needs draws from salts of its own, from here on.
constexpr unsigned salt = 100;

std::string tags(const TwinValues& twin) {
    const auto some = [&](unsigned which, std::uint64_t range) {
        return twin.some(salt + which, range);
    };
    return fmt::format(
        R"({{"site":"{}","zone":"{}","region":"{}","customer":"customer-{:05}","hardware":{{"model":"{}","revision":"{}"}},)"
        R"("location":{{"lat":{}.{:06},"lon":{}.{:06}}},"ring":"{}","serial":"SN{:016X}"}})",
        site_name(twin.site), zone_name(twin.zone), twin.region, some(0, 20000),
        models[some(1, models.size())], revisions[some(2, revisions.size())], 1 + some(3, 60),
        1 + some(4, 999'999), 1 + some(5, 170), 1 + some(6, 999'999), twin.ring, twin.chance);
}

// The members that a device copies from desired into reported.
std::string shared(const TwinValues& twin, const DeviceSettingsValues& values) {
    const auto some = [&](unsigned which, std::uint64_t range) {
        return twin.some(salt + which, range);
    };
    return fmt::format(
        R"("firmware":{{"version":"{}","channel":"stable"}},"mode":"{}",)"
        R"("thresholds":{{"temperature":{{"min":{},"max":{}}},"humidity":{{"min":{},"max":{}}},"co2":{}}},)"
        R"("telemetry":{{"interval":{},"batch":{},"compress":true}},)"
        R"("features":{{"nightSaving":{},"irrigation":{}}})",
        values.firmware, values.mode, 10 + some(20, 6), values.temperature_max, 40 + some(21, 10),
        70 + some(22, 20), 600 + some(23, 400), values.interval_seconds, 1 + some(24, 16),
        values.night_saving, some(25, 2) == 0);
}

std::string desired(const TwinValues& twin) {
    return fmt::format(
        R"({{{},"profile":"https://profiles.example.com/tenants/horticulture/controllers/climate/{}/{}/revision-{:02}.json"}})",
        shared(twin, twin.desired), models[twin.some(salt + 1, models.size())], twin.region,
        twin.some(salt + 31, 40));
}

std::string reported(const TwinValues& twin) {
    const auto some = [&](unsigned which, std::uint64_t range) {
        return twin.some(salt + which, range);
    };
    return fmt::format(
        R"({{{},"battery":{},"temperature":{}.{},)"
        R"("calibration":{{"offset":{}.{:03},"gain":1.{:04},"at":"2026-0{}-1{}T{:02}:{:02}:{:02}Z"}},)"
        R"("lastBoot":"2026-0{}-1{}T{:02}:{:02}:{:02}Z","signal":{{"rssi":-{},"operator":"carrier-{:02}.mobile.example.net","imei":"35{:013}"}},)"
        R"("build":"greenhouse-controller-{}-release-build-signed-by-manufacturing"}})",
        shared(twin, twin.reported), twin.battery, 12 + some(40, 20), 1 + some(41, 9), some(42, 3),
        1 + some(43, 999), 1 + some(44, 9999), 1 + some(45, 9), some(46, 10), some(47, 24),
        some(48, 60), some(49, 60), 1 + some(50, 9), some(51, 10), some(52, 24), some(53, 60),
        some(54, 60), 40 + some(55, 60), some(56, 30), some(57, 10'000'000'000'000),
        twin.reported.firmware);
}

}  // namespace

TwinParts twin_parts(const TwinValues& values) {
    return {.tags = tags(values), .desired = desired(values), .reported = reported(values)};
}

TwinParts twin_parts(std::uint64_t number) { return twin_parts(twin_values(number)); }

std::string bulk_item(std::uint64_t number, ItemContent content) {
    const std::string id = device_name(number);
    const std::string key = device_key(id);
    std::string item = fmt::format(
        R"({{"id":"{}","importMode":"create","status":"enabled","authentication":{{"type":"sas",)"
        R"("symmetricKey":{{"primaryKey":"{}","secondaryKey":"{}"}}}})",
        id, key, key);
    if (content == ItemContent::twin) {
        const TwinParts twin = twin_parts(number);
        item += fmt::format(R"(,"tags":{},"properties":{{"desired":{},"reported":{}}})", twin.tags,
                            twin.desired, twin.reported);
    }
    return item += '}';
}

}  // namespace twinhub::load
