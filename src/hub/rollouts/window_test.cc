// Maintenance windows by the clocks of two places, through both changes of the year.
#include "hub/rollouts/window.h"

#include "base/zone_files.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

TimeZone zone(std::string_view name) {
    auto found = read_time_zone("/usr/share/zoneinfo", name);
    EXPECT_TRUE(found) << name;
    return found.value_or(TimeZone());
}
MaintenanceWindow window(std::string_view times) {
    auto made =
        parse_window(parse_json(R"({"times":)" + std::string(times) + "}").value().as_object());
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(MaintenanceWindow());
}
Instant at(std::string_view text) { return parse_instant(text).value(); }

const std::string nights = R"([{"from":"22:00","to":"05:00"}])";
const std::string sunday = R"([{"days":["sun"],"from":"02:30","to":"03:30"}])";

struct OpenCase {
    std::string times, zone, at;
    std::string opens;  // the same as `at`: it is open
};
class Windows : public testing::TestWithParam<OpenCase> {};
TEST_P(Windows, OpenByTheClocksOfThePlace) {
    const OpenCase& one = GetParam();
    const MaintenanceWindow made = window(one.times);
    const TimeZone there = zone(one.zone);
    const auto opens = next_open(made, there, at(one.at));
    ASSERT_TRUE(opens);
    EXPECT_EQ(format_instant(*opens), one.opens);
    EXPECT_EQ(is_open(made, there, at(one.at)), one.at == one.opens);
}
INSTANTIATE_TEST_SUITE_P(
    Zones, Windows,
    testing::Values(
        // A plain night, summer: 22:00 is 20:00 UTC in Berlin and 02:00 UTC in New York.
        OpenCase{nights, "Europe/Berlin", "2026-07-01T19:59:59Z", "2026-07-01T20:00:00Z"},
        OpenCase{nights, "Europe/Berlin", "2026-07-02T02:59:59Z", "2026-07-02T02:59:59Z"},
        OpenCase{nights, "Europe/Berlin", "2026-07-02T03:00:00Z", "2026-07-02T20:00:00Z"},
        OpenCase{nights, "America/New_York", "2026-07-01T12:00:00Z", "2026-07-02T02:00:00Z"},
        // The night in which clocks are set forward is an hour shorter, and back an hour longer.
        OpenCase{nights, "Europe/Berlin", "2026-03-29T02:59:59Z", "2026-03-29T02:59:59Z"},
        OpenCase{nights, "Europe/Berlin", "2026-03-29T03:00:00Z", "2026-03-29T20:00:00Z"},
        OpenCase{nights, "Europe/Berlin", "2026-10-25T03:59:59Z", "2026-10-25T03:59:59Z"},
        OpenCase{nights, "Europe/Berlin", "2026-10-25T04:00:00Z", "2026-10-25T21:00:00Z"},
        OpenCase{nights, "America/New_York", "2026-03-08T08:59:59Z", "2026-03-08T08:59:59Z"},
        OpenCase{nights, "America/New_York", "2026-03-08T09:00:00Z", "2026-03-09T02:00:00Z"},
        OpenCase{nights, "America/New_York", "2026-11-01T09:59:59Z", "2026-11-01T09:59:59Z"},
        OpenCase{nights, "America/New_York", "2026-11-01T10:00:00Z", "2026-11-02T03:00:00Z"},
        // One that begins in the hour which is left out opens at the change.
        OpenCase{sunday, "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
        OpenCase{sunday, "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-04-05T00:30:00Z"},
        // One in the hour that comes twice opens twice.
        OpenCase{R"([{"days":["sun"],"from":"02:10","to":"02:20"}])", "Europe/Berlin",
                 "2026-10-25T00:00:00Z", "2026-10-25T00:10:00Z"},
        OpenCase{R"([{"days":["sun"],"from":"02:10","to":"02:20"}])", "Europe/Berlin",
                 "2026-10-25T00:20:00Z", "2026-10-25T01:10:00Z"},
        // Over midnight: Friday's goes on into Saturday, where none begins.
        OpenCase{R"([{"days":["fri"],"from":"22:00","to":"05:00"}])", "UTC", "2026-07-04T04:59:00Z",
                 "2026-07-04T04:59:00Z"},
        OpenCase{R"([{"days":["fri"],"from":"22:00","to":"05:00"}])", "UTC", "2026-07-04T22:00:00Z",
                 "2026-07-10T22:00:00Z"},
        OpenCase{R"([{"days":["sat"],"from":"00:00","to":"24:00"}])", "UTC", "2026-07-04T23:59:59Z",
                 "2026-07-04T23:59:59Z"}));

RC_GTEST_PROP(Windows, NothingIsOpenBeforeTheNextOpening, ()) {
    const std::vector<std::string> names{"Europe/Berlin", "America/New_York", "Australia/Sydney"};
    const TimeZone there = zone(*rc::gen::elementOf(names));
    const std::vector<std::string> all{nights, sunday,
                                       R"([{"days":["sun"],"from":"02:10","to":"02:20"}])"};
    const MaintenanceWindow made = window(*rc::gen::elementOf(all));
    const Instant from =
        at("2026-01-01T00:00:00Z") + std::chrono::minutes{*rc::gen::inRange(0, 366 * 24 * 60)};
    const auto opens = next_open(made, there, from);
    RC_ASSERT(opens.has_value());
    RC_ASSERT(is_open(made, there, *opens));
    for (Instant between = from; between < *opens; between += std::chrono::minutes{5})
        RC_ASSERT(!is_open(made, there, between));
}

}  // namespace
}  // namespace twinhub::hub
