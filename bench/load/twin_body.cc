#include "twin_body.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace twinhub::load {
namespace {

// splitmix64: spreads a number over all bits, so that neighbours differ in everything.
std::uint64_t spread(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

constexpr std::array<std::string_view, 5> regions{"emea", "amer", "apac", "latam", "anz"};
constexpr std::array<std::string_view, 4> models{"greenhouse-4", "greenhouse-5", "tunnel-2",
                                                 "orchard-1"};

}  // namespace

TwinParts twin_parts(std::uint64_t number) {
    const std::uint64_t chance = spread(number);
    const auto some = [&](unsigned salt, std::uint64_t range) {
        return spread(chance + salt) % range;
    };
    const bool lags = some(1, 1000) < 42;
    TwinParts parts;
    parts.tags = fmt::format(
        R"({{"site":"site-{:04}","region":"{}","building":"b{:02}","zone":"z{}","customer":"customer-{:05}",)"
        R"("model":"{}","serial":"SN{:016X}","installed":"20{}-{:02}-{:02}","owner":{{"team":"growing-{}","cost":"CC{:05}"}},)"
        R"("address":"{} Harbour Road, Building {}, Greenfield Industrial Estate"}})",
        some(2, 8000), regions[some(3, regions.size())], some(4, 20), some(5, 9), some(6, 20000),
        models[some(7, models.size())], chance, 18 + some(8, 8), 1 + some(9, 12), 1 + some(10, 28),
        some(11, 12), some(12, 90000), 1 + some(13, 300), some(4, 20));
    parts.desired = fmt::format(
        R"({{"firmware":{{"version":"2.4.1","channel":"stable"}},"telemetry":{{"interval":{},"batch":{},"compress":true}},)"
        R"("climate":{{"temperature":{{"min":{},"max":{}}},"humidity":{{"min":{},"max":{}}},"co2":{}}},)"
        R"("irrigation":{{"mode":"scheduled","start":"05:{:02}","minutes":{}}},"lights":{{"on":"06:00","off":"21:{:02}"}},)"
        R"("profile":"https://profiles.example.com/climate/{:016x}/revision-{}.json"}})",
        some(20, 10) * 30, 1 + some(21, 16), 14 + some(22, 6), 24 + some(23, 8), 40 + some(24, 10),
        70 + some(25, 20), 600 + some(26, 400), some(27, 60), 5 + some(28, 40), some(29, 60),
        chance, some(14, 40));
    parts.reported = fmt::format(
        R"({{"firmware":{{"version":"{}","channel":"stable"}},"telemetry":{{"interval":{},"batch":{},"compress":true}},)"
        R"("battery":{},"temperature":{}.{},"humidity":{},"co2":{},"valve":"{}","uptime":{},"restarts":{},)"
        R"("network":{{"ip":"10.{}.{}.{}","rssi":-{},"operator":"carrier-{}"}},"storage":{{"free":{},"used":{}}},)"
        R"("lastBoot":"2026-0{}-1{}T0{}:00:00Z","health":"{}","build":"{:016x}{:016x}"}})",
        lags ? "2.4.0" : "2.4.1", some(20, 10) * 30, 1 + some(21, 16), some(32, 101),
        12 + some(33, 20), some(34, 10), 40 + some(35, 50), 500 + some(36, 600),
        some(37, 2) == 0 ? "open" : "closed", some(38, 10'000'000), some(39, 50), some(40, 256),
        some(41, 256), some(42, 256), 40 + some(43, 60), some(44, 30), some(45, 4'000'000),
        some(46, 4'000'000), 1 + some(47, 9), some(48, 10), some(49, 10),
        some(50, 50) == 0 ? "degraded" : "ok", spread(chance), spread(chance + 1));
    return parts;
}

}  // namespace twinhub::load
