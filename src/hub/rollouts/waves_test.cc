#include "hub/rollouts/waves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace twinhub::hub {
namespace {

std::vector<TwinId> devices(std::size_t count) {
    std::vector<TwinId> ids;
    for (std::size_t i = 0; i < count; ++i)
        ids.push_back({DeviceId::parse("dev-" + std::to_string(i)).value(), {}});
    return ids;
}
RolloutDocument document(std::vector<Wave> waves, std::string name = "r") {
    RolloutDocument made;
    made.name = std::move(name);
    made.waves = std::move(waves);
    return made;
}
Wave percent(double to) { return {.kind = Wave::Kind::to_percent, .percent = to}; }
Wave count(std::uint64_t of) { return {.kind = Wave::Kind::count, .count = of}; }
Wave rest() { return {.kind = Wave::Kind::rest}; }
std::vector<std::uint64_t> sizes(const std::vector<Wave>& waves, std::size_t of) {
    const RolloutDocument made = document(waves);
    std::vector<std::unordered_set<TwinId>> members(waves.size());
    return wave_sizes(deal(made, devices(of), members), waves.size());
}
using Sizes = std::vector<std::uint64_t>;

TEST(Waves, TakeTheirShares) {
    EXPECT_EQ(sizes({percent(1), percent(10), percent(30), percent(60), rest()}, 48'120),
              (Sizes{481, 4'331, 9'624, 14'436, 19'248}));
    EXPECT_EQ(sizes({count(5), percent(50), rest()}, 100), (Sizes{5, 45, 50}));
    EXPECT_EQ(sizes({percent(100)}, 7), (Sizes{7}));
    EXPECT_EQ(sizes({count(10), rest()}, 3), (Sizes{3, 0}));
    EXPECT_EQ(sizes({rest()}, 0), (Sizes{0}));
}

TEST(Waves, TakeAtLeastOneDeviceWhileThereAreSome) {
    EXPECT_EQ(sizes({percent(1), percent(2), rest()}, 10), (Sizes{1, 1, 8}));
}

TEST(Waves, AreDealtTheSameWhateverTheOrderOfTheDevices) {
    const RolloutDocument made = document({percent(10), rest()});
    const std::vector<std::unordered_set<TwinId>> none(2);
    std::vector<TwinId> ids = devices(500);
    const auto as_text = [](const std::vector<Assigned>& dealt) {
        std::string text;
        for (const Assigned& one : dealt)
            text += one.id.text() + ":" + std::to_string(one.wave) + " ";
        return text;
    };
    const std::string first = as_text(deal(made, ids, none));
    std::ranges::shuffle(ids, std::mt19937(7));
    EXPECT_EQ(as_text(deal(made, ids, none)), first);
    // Another rollout begins with other devices.
    EXPECT_NE(as_text(deal(document({percent(10), rest()}, "s"), ids, none)), first);
}

TEST(Waves, TakeWhatTheirConditionSelectsOfTheRest) {
    const RolloutDocument made =
        document({count(3), {.kind = Wave::Kind::where, .where = "x"}, percent(50)});
    std::vector<TwinId> ids = devices(20);
    std::vector<std::unordered_set<TwinId>> members(3);
    for (std::size_t i = 0; i < 10; ++i) members[1].insert(ids[i]);
    const auto dealt = deal(made, ids, members);
    std::size_t selected_before = 0;
    for (const Assigned& one : dealt)
        if (one.wave == 0 && members[1].contains(one.id)) ++selected_before;
    const Sizes counted = wave_sizes(dealt, 3);
    EXPECT_EQ(counted[0], 3u);
    EXPECT_EQ(counted[1], 10u - selected_before);
    for (const Assigned& one : dealt)
        if (one.wave == 1) EXPECT_TRUE(members[1].contains(one.id));
    // Ten percent of the twenty and more are taken already: one more, and the others by none.
    EXPECT_EQ(counted[2],
              std::max<std::uint64_t>(
                  1, 10 - counted[0] - std::min<std::uint64_t>(10 - counted[0], counted[1])));
    EXPECT_EQ(dealt.back().wave, no_wave);
    EXPECT_TRUE(std::ranges::is_sorted(dealt, {}, &Assigned::wave));
}

}  // namespace
}  // namespace twinhub::hub
