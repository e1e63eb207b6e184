#include "twin_body.h"

#include "base/json.h"
#include "twin_values.h"

#include <gtest/gtest.h>

#include <set>

namespace twinhub::load {
namespace {

std::size_t leaves(const json::value& value) {
    if (!value.is_object()) return 1;
    std::size_t sum = 0;
    for (const auto& member : value.get_object()) sum += leaves(member.value());
    return sum;
}

// Peers keep what was loaded in one run for the next: a changed twin would compare two fleets.
TEST(TwinParts, AreTheSameInEveryRun) {
    const TwinParts twin = twin_parts(7);
    EXPECT_EQ(
        twin.tags,
        R"({"site":"lotus-5257","zone":"z08","region":"apac","customer":"customer-13300","hardw)"
        R"(are":{"model":"orchard-1","revision":"B1"},"location":{"lat":17.635019,"lon":153.778)"
        R"(307},"ring":"broad","serial":"SN63CBE1E459320DD7"})");
    EXPECT_EQ(
        twin.desired,
        R"({"firmware":{"version":"2.4.1","channel":"stable"},"mode":"manual","thresholds":{"te)"
        R"(mperature":{"min":10,"max":24},"humidity":{"min":44,"max":84},"co2":837},"telemetry")"
        R"(:{"interval":90,"batch":6,"compress":true},"features":{"nightSaving":true,"irrigatio)"
        R"(n":false},"profile":"https://profiles.example.com/tenants/horticulture/controllers/c)"
        R"(limate/orchard-1/apac/revision-15.json"})");
    EXPECT_EQ(
        twin.reported,
        R"({"firmware":{"version":"2.4.1","channel":"stable"},"mode":"manual","thresholds":{"te)"
        R"(mperature":{"min":10,"max":24},"humidity":{"min":44,"max":84},"co2":837},"telemetry")"
        R"(:{"interval":90,"batch":6,"compress":true},"features":{"nightSaving":true,"irrigatio)"
        R"(n":false},"battery":36,"temperature":16.5,"calibration":{"offset":1.526,"gain":1.523)"
        R"(9,"at":"2026-06-17T16:22:03Z"},"lastBoot":"2026-02-16T03:13:58Z","signal":{"rssi":-9)"
        R"(1,"operator":"carrier-20.mobile.example.net","imei":"356142848662670"},"build":"gree)"
        R"(nhouse-controller-2.4.1-release-build-signed-by-manufacturing"})");
    EXPECT_NE(twin_parts(8).reported, twin.reported);
}

TEST(TwinParts, HaveTheSizeOfTheMeasuredFleet) {
    std::size_t bytes = 0;
    constexpr std::uint64_t count = 1000;
    for (std::uint64_t number = 0; number < count; ++number) {
        const TwinParts twin = twin_parts(number);
        bytes += twin.tags.size() + twin.desired.size() + twin.reported.size();
        std::size_t sum = 0;
        for (const std::string* const part : {&twin.tags, &twin.desired, &twin.reported})
            sum += leaves(parse_json(*part).value());
        ASSERT_EQ(sum, 47u) << number;
    }
    EXPECT_NEAR(static_cast<double>(bytes) / count, 1167, 20);
}

TEST(TwinValues, HaveTheSharesOfTheMeasuredFleet) {
    constexpr std::uint64_t count = 200'000;
    std::size_t firmware = 0;
    std::size_t drift = 0;
    std::size_t region = 0;
    std::set<std::string_view> versions;
    std::set<std::uint64_t> sites;
    for (std::uint64_t number = 0; number < count; ++number) {
        const TwinValues twin = twin_values(number);
        const auto& [wanted, is] = std::tie(twin.desired, twin.reported);
        firmware += wanted.firmware != is.firmware;
        drift += wanted.firmware != is.firmware || wanted.mode != is.mode ||
                 wanted.interval_seconds != is.interval_seconds ||
                 wanted.temperature_max != is.temperature_max ||
                 wanted.night_saving != is.night_saving;
        region += twin.region == "emea";
        versions.insert(is.firmware);
        sites.insert(twin.site);
    }
    const auto share = [](std::size_t some) { return static_cast<double>(some) / count; };
    EXPECT_NEAR(share(firmware), 0.042, 0.002);
    EXPECT_NEAR(share(drift), 0.07, 0.003);
    EXPECT_NEAR(share(region), 0.2, 0.005);
    EXPECT_EQ(versions.size(), 12u);
    EXPECT_EQ(sites.size(), site_count);
}

TEST(BulkItem, HoldsTheTwinOfItsDevice) {
    const json::object item = parse_json(bulk_item(7, ItemContent::twin)).value().as_object();
    const TwinParts twin = twin_parts(7);
    EXPECT_EQ(item.at("id"), "load-7");
    EXPECT_EQ(item.at("tags"), parse_json(twin.tags).value());
    EXPECT_EQ(item.at("properties").at("desired"), parse_json(twin.desired).value());
    EXPECT_EQ(item.at("properties").at("reported"), parse_json(twin.reported).value());
    EXPECT_FALSE(
        parse_json(bulk_item(7, ItemContent::identity)).value().as_object().contains("tags"));
}

}  // namespace
}  // namespace twinhub::load
