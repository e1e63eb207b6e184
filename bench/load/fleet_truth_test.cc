#include "fleet_truth.h"

#include "base/json.h"
#include "credentials.h"
#include "twin_body.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace twinhub::load {
namespace {

constexpr std::uint64_t count = 20'000;

// The fleet as a database is given it, and the questions answered the slow and obvious way.
class FleetTruthTest : public ::testing::Test {
protected:
    struct Device {
        std::string id;
        json::value tags;
        json::value desired;
        json::value reported;
    };

    static void SetUpTestSuite() {
        devices_ = new std::vector<Device>;
        for (std::uint64_t number = 0; number < count; ++number) {
            const TwinParts twin = twin_parts(number);
            devices_->push_back({device_name(number), parse_json(twin.tags).value(),
                                 parse_json(twin.desired).value(),
                                 parse_json(twin.reported).value()});
        }
    }
    static void TearDownTestSuite() {
        delete devices_;
        devices_ = nullptr;
    }

    static std::string text(const json::value& value) { return value.as_string().c_str(); }
    static std::uint64_t count_if(auto&& condition) {
        return static_cast<std::uint64_t>(std::ranges::count_if(*devices_, condition));
    }
    bool low_battery(const Device& device) const {
        return text(device.tags.at("region")) == asked.region &&
               device.reported.at("battery").as_int64() < asked.battery_below;
    }

    static inline std::vector<Device>* devices_ = nullptr;
    const FleetQuestions asked = fleet_questions(count);
    const FleetTruth truth = fleet_truth(count);
};

TEST_F(FleetTruthTest, CountsWhatTheTwinsSay) {
    EXPECT_EQ(truth.devices, count);
    EXPECT_EQ(truth.at_site,
              count_if([&](const Device& d) { return text(d.tags.at("site")) == asked.site; }));
    EXPECT_EQ(truth.other_firmware_in_region, count_if([&](const Device& d) {
                  return text(d.reported.at("firmware").at("version")) != asked.firmware &&
                         text(d.tags.at("region")) == asked.region;
              }));
    EXPECT_EQ(truth.firmware_drift, count_if([](const Device& d) {
                  return d.reported.at("firmware").at("version") !=
                         d.desired.at("firmware").at("version");
              }));
    EXPECT_EQ(truth.any_drift, count_if([](const Device& d) {
                  return std::ranges::any_of(d.desired.as_object(), [&](const auto& member) {
                      const auto* const now = d.reported.as_object().if_contains(member.key());
                      return now != nullptr && *now != member.value();
                  });
              }));
    EXPECT_EQ(truth.low_battery, count_if([&](const Device& d) { return low_battery(d); }));
}

TEST_F(FleetTruthTest, GroupsWhatTheTwinsSay) {
    std::map<std::string, std::uint64_t, std::less<>> by_firmware;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> by_zone;
    for (const Device& device : *devices_) {
        ++by_firmware[text(device.reported.at("firmware").at("version"))];
        if (!text(device.tags.at("site")).starts_with(asked.site_prefix)) continue;
        auto& [devices, battery] = by_zone[text(device.tags.at("zone"))];
        ++devices;
        battery += static_cast<std::uint64_t>(device.reported.at("battery").as_int64());
    }
    EXPECT_EQ(truth.by_firmware, by_firmware);
    ASSERT_EQ(truth.by_zone.size(), by_zone.size());
    for (const auto& [zone, group] : truth.by_zone)
        EXPECT_EQ(std::pair(group.count, group.battery_sum), by_zone[zone]) << zone;
}

TEST_F(FleetTruthTest, KeepsTheFirstRowsInTheOrderOfTheirIds) {
    std::vector<FleetTruth::Row> rows;
    for (const Device& device : *devices_)
        if (low_battery(device))
            rows.push_back({device.id, text(device.tags.at("site")),
                            static_cast<unsigned>(device.reported.at("battery").as_int64())});
    std::ranges::sort(rows, {}, &FleetTruth::Row::device);
    ASSERT_GT(rows.size(), first_rows);
    rows.resize(first_rows);
    EXPECT_EQ(truth.low_battery_first, rows);
}

TEST_F(FleetTruthTest, AsksWhatSelectsTheSharesOfTheMeasuredFleet) {
    const auto share = [](std::uint64_t some) { return static_cast<double>(some) / count; };
    EXPECT_NEAR(share(truth.at_site), 0.0013, 0.0006);
    EXPECT_NEAR(share(truth.in_chain), 0.028, 0.004);
    EXPECT_NEAR(share(truth.in_region), 0.2, 0.01);
    EXPECT_EQ(truth.by_firmware.size(), 12u);
    EXPECT_EQ(truth.by_zone.size(), 12u);
}

TEST_F(FleetTruthTest, IsWrittenAsJson) {
    const json::object written = parse_json(to_json(asked, truth)).value().as_object();
    EXPECT_EQ(written.at("Q1"), count);
    EXPECT_EQ(written.at("Q2"), truth.at_site);
    EXPECT_EQ(written.at("Q4").at("2.4.1"), truth.by_firmware.at("2.4.1"));
    EXPECT_EQ(written.at("Q6").as_array().size(), first_rows);
    EXPECT_EQ(written.at("Q6").as_array()[0],
              json::value({truth.low_battery_first[0].device, truth.low_battery_first[0].site,
                           truth.low_battery_first[0].battery}));
    EXPECT_EQ(written.at("Q8").at("z00"),
              json::value({truth.by_zone.at("z00").count, truth.by_zone.at("z00").battery_sum}));
    EXPECT_EQ(written.at("Q7").at("tags"), (*devices_)[count / 2].tags);
    EXPECT_EQ(text(written.at("device")), (*devices_)[count / 2].id);
}

}  // namespace
}  // namespace twinhub::load
