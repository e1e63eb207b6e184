#include "provisioning/allocation.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::provisioning {
namespace {

using ::testing::ElementsAre;

std::vector<LinkedHub> hubs(int count) {
    std::vector<LinkedHub> made;
    for (int i = 0; i < count; ++i) made.push_back({.host = "hub" + std::to_string(i)});
    return made;
}

TEST(Allocation, ChoosesAmongTheNamedThatTakeDevices) {
    const std::vector<LinkedHub> linked{{.host = "a"}, {.host = "b", .weight = 0}, {.host = "c"}};
    const std::vector<std::string> named{"B", "C", "nowhere"};
    EXPECT_THAT(candidates(linked, named), ElementsAre(linked[2]));
    EXPECT_THAT(candidates(linked, {}), ElementsAre(linked[0], linked[2]));
    EXPECT_EQ(allocate_hashed({}, "r"), "");
    EXPECT_EQ(allocate_least_loaded({}, "a"), "");
}

TEST(Allocation, SpreadsByWeight) {
    std::vector<LinkedHub> all = hubs(3);
    all[1].weight = 2;
    std::map<std::string, int> counts;
    for (int i = 0; i < 4000; ++i) ++counts[allocate_hashed(all, "device-" + std::to_string(i))];
    EXPECT_NEAR(counts["hub0"], 1000, 120);
    EXPECT_NEAR(counts["hub1"], 2000, 120);
    EXPECT_NEAR(counts["hub2"], 1000, 120);
}

// What is chosen is stored, and devices move when it changes.
TEST(Allocation, ChoosesTheSameInEveryRelease) {
    const std::vector<LinkedHub> all = hubs(4);
    std::string chosen;
    for (const char* id : {"a", "b", "c", "d", "e", "f"}) chosen += allocate_hashed(all, id).back();
    EXPECT_EQ(chosen, "212000");
}

RC_GTEST_PROP(Allocation, AHubThatGoesMovesItsOwnDevicesAlone, ()) {
    std::vector<LinkedHub> all = hubs(*rc::gen::inRange(2, 8));
    const std::string id = *rc::gen::string<std::string>();
    const std::string home = allocate_hashed(all, id);
    const auto gone = static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(all.size())));
    const bool is_home = all[gone].host == home;
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(gone));
    RC_ASSERT((allocate_hashed(all, id) == home) == !is_home);
}

TEST(Allocation, TheLeastLoadedTakesTheNextAndKeepsItsOwn) {
    std::vector<LinkedHub> all{{.host = "a", .weight = 1, .assigned = 5},
                               {.host = "b", .weight = 2, .assigned = 8}};
    EXPECT_EQ(allocate_least_loaded(all, ""), "b");
    EXPECT_EQ(allocate_least_loaded(all, "A"), "a");
    all[1].assigned = 11;
    EXPECT_EQ(allocate_least_loaded(all, "elsewhere"), "a");
}

}  // namespace
}  // namespace twinhub::provisioning
