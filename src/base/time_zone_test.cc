#include "base/time_zone.h"

#include "base/time.h"
#include "base/zone_files.h"

#include <gtest/gtest.h>

namespace twinhub {
namespace {

using std::chrono::local_seconds;
using std::chrono::sys_seconds;

const std::string folder = "/usr/share/zoneinfo";

TimeZone zone(std::string_view name) {
    auto found = read_time_zone(folder, name);
    EXPECT_TRUE(found) << name;
    return found.value_or(TimeZone());
}
sys_seconds utc(std::string_view text) {
    return std::chrono::floor<std::chrono::seconds>(parse_instant(text).value());
}
local_seconds local(std::string_view text) { return local_seconds{utc(text).time_since_epoch()}; }
std::string text_of(sys_seconds at) { return format_instant(Instant(at)); }

struct OffsetCase {
    std::string zone, at;
    int minutes;
};
class Offsets : public testing::TestWithParam<OffsetCase> {};
TEST_P(Offsets, AreThoseOfTheDatabase) {
    const OffsetCase& one = GetParam();
    EXPECT_EQ(zone(one.zone).offset_at(utc(one.at)), std::chrono::minutes{one.minutes});
}
INSTANTIATE_TEST_SUITE_P(
    Zones, Offsets,
    testing::Values(OffsetCase{"UTC", "2026-03-29T00:59:59Z", 0},
                    OffsetCase{"Europe/Berlin", "2026-03-29T00:59:59Z", 60},
                    OffsetCase{"Europe/Berlin", "2026-03-29T01:00:00Z", 120},
                    OffsetCase{"Europe/Berlin", "2026-10-25T00:59:59Z", 120},
                    OffsetCase{"Europe/Berlin", "2026-10-25T01:00:00Z", 60},
                    OffsetCase{"America/New_York", "2026-03-08T06:59:59Z", -300},
                    OffsetCase{"America/New_York", "2026-03-08T07:00:00Z", -240},
                    OffsetCase{"America/New_York", "2026-11-01T06:00:00Z", -300},
                    OffsetCase{"Australia/Sydney", "2026-01-15T00:00:00Z", 660},
                    OffsetCase{"Australia/Sydney", "2026-07-15T00:00:00Z", 600},
                    OffsetCase{"Asia/Kolkata", "2026-07-15T00:00:00Z", 330},
                    // Behind all listed changes, where only the rule speaks.
                    OffsetCase{"Europe/Berlin", "2061-07-01T00:00:00Z", 120},
                    OffsetCase{"Europe/Berlin", "2061-12-01T00:00:00Z", 60},
                    OffsetCase{"Australia/Sydney", "2061-12-31T23:59:59Z", 660}));

TEST(TimeZone, FindsWhenClocksShowATime) {
    const TimeZone berlin = zone("Europe/Berlin");
    const auto plain = berlin.to_sys(local("2026-07-01T12:00:00Z"));
    EXPECT_EQ(text_of(plain.first), "2026-07-01T10:00:00Z");
    EXPECT_EQ(plain.first, plain.second);
    const auto twice = berlin.to_sys(local("2026-10-25T02:30:00Z"));
    EXPECT_EQ(text_of(twice.first), "2026-10-25T00:30:00Z");
    EXPECT_EQ(text_of(twice.second), "2026-10-25T01:30:00Z");
    const auto never_shown = berlin.to_sys(local("2026-03-29T02:30:00Z"));
    EXPECT_EQ(text_of(never_shown.first), "2026-03-29T01:00:00Z");
    EXPECT_EQ(never_shown.first, never_shown.second);
}

TEST(TimeZone, GoesToLocalTimeAndBack) {
    for (const char* name : {"Europe/Berlin", "America/New_York", "Australia/Sydney"}) {
        const TimeZone there = zone(name);
        for (sys_seconds at = utc("2026-01-01T00:00:00Z"); at < utc("2027-01-01T00:00:00Z");
             at += std::chrono::minutes{17}) {
            const auto moments = there.to_sys(there.to_local(at));
            ASSERT_TRUE(moments.first == at || moments.second == at) << name << text_of(at);
        }
    }
}

TEST(TimeZone, RefusesWhatIsNoFileOfTheDatabase) {
    EXPECT_FALSE(TimeZone::parse(""));
    EXPECT_FALSE(TimeZone::parse("TZif2"));
    EXPECT_FALSE(TimeZone::parse(std::string("TZif2") + std::string(39, '\0')));
    EXPECT_FALSE(TimeZone::parse(std::string("TZif2") + std::string(39, '\xff')));
}

TEST(ZoneFiles, RefuseWhatIsNoName) {
    for (const char* name : {"", "/etc/passwd", "../../../etc/passwd", "Europe//Berlin", "Europe/",
                             "a b", "Europe/Berlin\n"})
        EXPECT_EQ(read_time_zone(folder, name).error().code, Code::argument_invalid) << name;
    EXPECT_EQ(read_time_zone(folder, "Europe/Atlantis").error().code, Code::not_found);
    EXPECT_EQ(read_time_zone(folder, "Europe").error().code, Code::not_found);
}

}  // namespace
}  // namespace twinhub
