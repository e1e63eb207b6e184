#include "provisioning/reprovision.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning {
namespace {

constexpr ReprovisionPolicy migrate{true, true};
constexpr ReprovisionPolicy reset{true, false};
constexpr ReprovisionPolicy never{false, false};
constexpr ReprovisionPolicy never_with_data{false, true};

// Spec twin-document 10, whole.
TEST(Reprovision, FollowsTheMatrix) {
    struct Row {
        bool exists, same_place, forced;
        ReprovisionPolicy policy;
        Move move;
        Substatus substatus;
    };
    const Substatus as_before = Substatus::device_data_migrated;
    const Row rows[] = {
        {false, false, false, migrate, Move::create, Substatus::initial_assignment},
        {false, false, false, reset, Move::create, Substatus::initial_assignment},
        {false, false, false, never, Move::create, Substatus::initial_assignment},
        {false, false, true, migrate, Move::create, Substatus::initial_assignment},
        {true, true, false, migrate, Move::keep, as_before},
        {true, true, false, reset, Move::reset, Substatus::device_data_reset},
        {true, true, false, never, Move::keep, as_before},
        {true, true, false, never_with_data, Move::keep, as_before},
        {true, false, false, migrate, Move::migrate, Substatus::device_data_migrated},
        {true, false, false, reset, Move::restart, Substatus::device_data_reset},
        {true, false, false, never, Move::keep, as_before},
        {true, true, true, migrate, Move::reset, Substatus::device_data_reset},
        {true, false, true, migrate, Move::restart, Substatus::device_data_reset},
        {true, true, true, never, Move::keep, as_before},
    };
    for (const Row& row : rows) {
        const Reprovision plan = plan_reprovision(
            {.exists = row.exists, .same_place = row.same_place, .substatus = as_before},
            row.policy, row.forced);
        EXPECT_EQ(plan, (Reprovision{row.move, row.substatus}))
            << row.exists << row.same_place << row.forced << row.policy.update_hub_assignment
            << row.policy.migrate_device_data;
    }
}

TEST(Reprovision, ChoosesAHubForNewDevicesAndWhereThePolicySaysSo) {
    EXPECT_TRUE(needs_allocation(false, never));
    EXPECT_TRUE(needs_allocation(true, migrate));
    EXPECT_FALSE(needs_allocation(true, never));
}

}  // namespace
}  // namespace twinhub::provisioning
