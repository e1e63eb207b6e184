#include "hub/as_of/known_past.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<KnownPast> past_of(std::int64_t at, std::size_t twins) {
    std::unique_ptr<KnownPast> past(new KnownPast{.question = {.at = Instant{Ticks{at}}}});
    for (std::size_t i = 0; i < twins; ++i)
        past->changed.insert(TwinId{DeviceId::parse("d" + std::to_string(i)).value(), {}});
    return past;
}

PastQuestion question_of(std::int64_t at) { return {.at = Instant{Ticks{at}}}; }

TEST(KnownPasts, AreForOneAskerAtATime) {
    KnownPasts pasts;
    EXPECT_EQ(pasts.take(question_of(1)), nullptr);
    (void)pasts.keep(past_of(1, 3), Moment{});
    EXPECT_EQ(pasts.take(question_of(2)), nullptr);
    PastQuestion judged = question_of(1);
    judged.judged = true;
    EXPECT_EQ(pasts.take(judged), nullptr);
    const auto taken = pasts.take(question_of(1));
    ASSERT_NE(taken, nullptr);
    EXPECT_EQ(taken->changed.size(), 3u);
    EXPECT_EQ(pasts.take(question_of(1)), nullptr);
}

TEST(KnownPasts, GiveWayToThoseThatWereAskedForLater) {
    KnownPasts pasts;
    const std::size_t most = KnownPasts::twins_max;
    EXPECT_EQ(pasts.keep(past_of(1, most + 1), Moment{}).size(), 1u);
    EXPECT_EQ(pasts.take(question_of(1)), nullptr);
    EXPECT_EQ(pasts.keep(past_of(1, most - 1), Moment{}).size(), 0u);
    EXPECT_EQ(pasts.keep(past_of(2, 1), Moment{}).size(), 0u);
    EXPECT_EQ(pasts.twins(), most);
    EXPECT_EQ(pasts.keep(past_of(2, 2), Moment{}).size(), 2u);  // the same one, and the oldest
    EXPECT_EQ(pasts.take(question_of(1)), nullptr);
    EXPECT_NE(pasts.take(question_of(2)), nullptr);
    for (std::int64_t at = 0; at < 20; ++at) (void)pasts.keep(past_of(at, 1), Moment{});
    EXPECT_EQ(pasts.twins(), KnownPasts::moments_max);
}

TEST(KnownPasts, AreForgottenWhenNobodyAsks) {
    KnownPasts pasts;
    const Moment start{};
    (void)pasts.keep(past_of(1, 1), start);
    (void)pasts.keep(past_of(2, 1), start + 1min);
    EXPECT_EQ(pasts.forget_old(start + KnownPasts::age_max - 1s).size(), 0u);
    EXPECT_EQ(pasts.forget_old(start + KnownPasts::age_max).size(), 1u);
    EXPECT_EQ(pasts.take(question_of(1)), nullptr);
    EXPECT_NE(pasts.take(question_of(2)), nullptr);
}

}  // namespace
}  // namespace twinhub::hub
