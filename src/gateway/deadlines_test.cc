#include "gateway/deadlines.h"

#include <gtest/gtest.h>

#include <vector>

namespace twinhub::gateway {
namespace {

using std::chrono::seconds;

struct Probe final : Deadline {
    void expired(Moment) override {
        ++fired;
        if (again != nullptr) again->schedule(*this, next);
    }
    int fired = 0;
    Deadlines* again = nullptr;
    Moment next;
};

TEST(Deadlines, FireOnceNotEarlyAndAtMostASecondLate) {
    const Moment start{seconds{1000}};
    Deadlines deadlines(start);
    Probe probe;
    deadlines.schedule(probe, start + seconds{5});
    deadlines.advance(start + seconds{5});
    EXPECT_EQ(probe.fired, 0);
    deadlines.advance(start + seconds{6});
    EXPECT_EQ(probe.fired, 1);
    deadlines.advance(start + seconds{5000});
    EXPECT_EQ(probe.fired, 1);
}

TEST(Deadlines, LongerThanATurnOfTheWheelWaitTheirTime) {
    const Moment start{seconds{0}};
    Deadlines deadlines(start);
    Probe probe;
    deadlines.schedule(probe, start + seconds{3000});
    deadlines.advance(start + seconds{2999});
    EXPECT_EQ(probe.fired, 0);
    deadlines.advance(start + seconds{3001});
    EXPECT_EQ(probe.fired, 1);
}

TEST(Deadlines, ReschedulingReplacesAndCancellingForgets) {
    const Moment start{seconds{0}};
    Deadlines deadlines(start);
    Probe moved;
    Probe cancelled;
    deadlines.schedule(moved, start + seconds{1});
    deadlines.schedule(moved, start + seconds{10});
    deadlines.schedule(cancelled, start + seconds{1});
    cancelled.cancel();
    deadlines.advance(start + seconds{5});
    EXPECT_EQ(moved.fired, 0);
    deadlines.advance(start + seconds{20});
    EXPECT_EQ(moved.fired, 1);
    EXPECT_EQ(cancelled.fired, 0);
}

TEST(Deadlines, MayScheduleThemselvesAgainWhileFiring) {
    const Moment start{seconds{0}};
    Deadlines deadlines(start);
    Probe probe;
    probe.again = &deadlines;
    probe.next = start + seconds{4};
    deadlines.schedule(probe, start + seconds{2});
    deadlines.advance(start + seconds{3});
    EXPECT_EQ(probe.fired, 1);
    deadlines.advance(start + seconds{5});
    EXPECT_EQ(probe.fired, 2);
}

TEST(Deadlines, MayDestroyANeighbourWhileFiring) {
    struct Killer final : Deadline {
        void expired(Moment) override { victim.reset(); }
        std::unique_ptr<Probe> victim = std::make_unique<Probe>();
    };
    const Moment start{seconds{0}};
    Deadlines deadlines(start);
    Killer killer;
    deadlines.schedule(killer, start + seconds{1});
    deadlines.schedule(*killer.victim, start + seconds{1});
    deadlines.advance(start + seconds{3});
    EXPECT_EQ(killer.victim, nullptr);
}

}  // namespace
}  // namespace twinhub::gateway
