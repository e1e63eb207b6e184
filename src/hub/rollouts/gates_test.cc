// The state machine of a wave, and of a rollout.
#include "hub/rollouts/gates.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using DriftState = twin::drift::State;
using Kind = Decision::Kind;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} +
                   std::chrono::hours{12}};

struct Devices {
    std::uint64_t waiting = 0, converged = 0, rejected = 0, offline = 0, pending = 0, failed = 0,
                  gone = 0;
};
WaveCounts counts(const Devices& devices) {
    WaveCounts made;
    made.of(DeviceStep::waiting) = devices.waiting;
    made.of(DeviceStep::failed) = devices.failed;
    made.of(DeviceStep::gone) = devices.gone;
    made.of(DeviceStep::told) =
        devices.converged + devices.rejected + devices.offline + devices.pending;
    made.drift[index_of(DriftState::converged)] = devices.converged;
    made.drift[index_of(DriftState::rejected)] = devices.rejected;
    made.drift[index_of(DriftState::offline)] = devices.offline;
    made.drift[index_of(DriftState::pending)] = devices.pending;
    return made;
}

const Gates console{.converged_at_least = 0.97, .rejected_at_most = 0.01, .offline_allowance = 0.1};

struct GateCase {
    std::string name;
    Gates gates;
    Devices devices;
    Kind kind;
    std::string reason;
};
class GateTable : public testing::TestWithParam<GateCase> {};
TEST_P(GateTable, Decides) {
    const GateCase& one = GetParam();
    const Decision made = decide(one.gates, counts(one.devices), {}, noon);
    EXPECT_EQ(made.kind, one.kind);
    EXPECT_EQ(made.reason, one.reason);
    EXPECT_EQ(made.progress.began, noon);
}
INSTANTIATE_TEST_SUITE_P(
    Gates, GateTable,
    testing::Values(GateCase{"waits until all are told",
                             console,
                             {.waiting = 3, .converged = 97},
                             Kind::wait,
                             "3 devices are still to be told"},
                    GateCase{"stops before all are told",
                             console,
                             {.waiting = 90, .rejected = 2},
                             Kind::fail,
                             "2.2% rejected, limit 1%"},
                    GateCase{"a limit is not beyond itself",
                             console,
                             {.converged = 99, .rejected = 1},
                             Kind::pass,
                             "99% converged, wanted 97%"},
                    GateCase{"too few converged",
                             console,
                             {.converged = 96, .pending = 4},
                             Kind::wait,
                             "96% converged, wanted 97%"},
                    GateCase{"the absent are allowed for",
                             console,
                             {.converged = 90, .offline = 10},
                             Kind::pass,
                             "100% converged, wanted 97%"},
                    GateCase{"only so many of them",
                             console,
                             {.converged = 80, .offline = 20},
                             Kind::wait,
                             "88.9% converged, wanted 97%"},
                    GateCase{"what the hub cannot write counts as refused",
                             console,
                             {.converged = 98, .failed = 2},
                             Kind::fail,
                             "2% rejected, limit 1%"},
                    GateCase{"what is gone counts for nothing",
                             console,
                             {.converged = 10, .gone = 90},
                             Kind::pass,
                             "100% converged, wanted 97%"},
                    GateCase{"without gates it is enough to be told",
                             {},
                             {.pending = 10},
                             Kind::pass,
                             "all its devices are told"},
                    GateCase{
                        "an empty wave is over", console, {}, Kind::pass, "it has no devices"}),
    [](const auto& one) {
        std::string name;
        for (const char c : one.param.name) name += c == ' ' ? '_' : c;
        return name;
    });

TEST(Gates, MustHoldForTheWholeSoak) {
    Gates gates = console;
    gates.soak = minutes{20};
    WaveProgress progress;
    const auto look = [&](const Devices& devices, Instant now) {
        const Decision made = decide(gates, counts(devices), progress, now);
        progress = made.progress;
        return made.kind;
    };
    EXPECT_EQ(look({.converged = 100}, noon), Kind::wait);
    EXPECT_EQ(look({.converged = 100}, noon + minutes{19}), Kind::wait);
    // It is not good for a moment: the soak begins anew.
    EXPECT_EQ(look({.converged = 90, .pending = 10}, noon + minutes{19}), Kind::wait);
    EXPECT_EQ(look({.converged = 100}, noon + minutes{21}), Kind::wait);
    EXPECT_EQ(look({.converged = 100}, noon + minutes{40}), Kind::wait);
    EXPECT_EQ(look({.converged = 100}, noon + minutes{41}), Kind::pass);
    EXPECT_EQ(progress.passed, noon + minutes{41});
}

TEST(Gates, EndAtTheTimeout) {
    Gates gates = console;
    gates.timeout = minutes{60};
    WaveProgress progress;
    const auto look = [&](const Devices& devices, Instant now) {
        Decision made = decide(gates, counts(devices), progress, now);
        progress = made.progress;
        return made;
    };
    // Devices that wait for their window do not use it up.
    EXPECT_EQ(look({.waiting = 100}, noon).kind, Kind::wait);
    EXPECT_EQ(look({.waiting = 1, .pending = 99}, noon + minutes{300}).kind, Kind::wait);
    EXPECT_EQ(look({.pending = 100}, noon + minutes{301}).kind, Kind::wait);
    const Decision late = look({.pending = 100}, noon + minutes{361});
    EXPECT_EQ(late.kind, Kind::fail);
    EXPECT_EQ(late.reason, "0% converged, wanted 97%, not good within PT1H");
}

TEST(Gates, AreWaivedByAnOperator) {
    WaveProgress progress;
    progress.waived = true;
    EXPECT_EQ(decide(console, counts({.waiting = 1, .rejected = 50}), progress, noon).kind,
              Kind::wait);
    EXPECT_EQ(decide(console, counts({.converged = 1, .rejected = 50}), progress, noon).kind,
              Kind::pass);
}

TEST(Gates, StandAClockThatIsSetBack) {
    Gates gates = console;
    gates.soak = minutes{20};
    WaveProgress progress = decide(gates, counts({.converged = 1}), {}, noon).progress;
    const Decision back = decide(gates, counts({.converged = 1}), progress, noon - minutes{600});
    EXPECT_EQ(back.kind, Kind::wait);
    EXPECT_EQ(decide(gates, counts({.converged = 1}), back.progress, noon - minutes{580}).kind,
              Kind::pass);
}

TEST(RolloutStates, GoOnlyWhereTheyMay) {
    using enum RolloutState;
    const std::vector<RolloutState> all{draft,  starting,     running,     paused,   held,
                                        halted, rolling_back, rolled_back, completed};
    const auto from = [&](RolloutAction action) {
        std::string names;
        for (const RolloutState state : all)
            if (const auto next = state_after(state, action))
                names += std::string(name_of(state)) + ">" + std::string(name_of(*next)) + " ";
        return names;
    };
    EXPECT_EQ(from(RolloutAction::start), "draft>starting ");
    EXPECT_EQ(from(RolloutAction::pause), "running>paused ");
    EXPECT_EQ(from(RolloutAction::resume), "paused>running held>running ");
    EXPECT_EQ(from(RolloutAction::abort),
              "starting>halted running>halted paused>halted held>halted rollingBack>halted ");
    EXPECT_EQ(from(RolloutAction::rollback),
              "running>rollingBack paused>rollingBack held>rollingBack halted>rollingBack "
              "completed>rollingBack ");
    for (const RolloutState state : all) EXPECT_EQ(rollout_state_of(name_of(state)), state);
    EXPECT_FALSE(rollout_state_of("asleep"));
    EXPECT_EQ(state_after(draft, RolloutAction::pause).error().code, Code::conflict);
}

TEST(Gates, WhereAllMustBeSettledNobodyMayBeOpenUntilTheTimeIsOver) {
    Gates gates;
    gates.converged_at_least = 0.5;
    gates.settled = true;
    gates.timeout = minutes{10};
    WaveCounts counts;
    counts.of(DeviceStep::told) = 4;
    counts.drift[index_of(DriftState::converged)] = 3;
    counts.drift[index_of(DriftState::pending)] = 1;
    const Instant start{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
    Decision made = decide(gates, counts, {}, start);
    EXPECT_EQ(made.kind, Decision::Kind::wait);
    EXPECT_EQ(made.reason, "good, but 1 devices have not answered yet");
    const Decision later = decide(gates, counts, made.progress, start + minutes{10});
    EXPECT_EQ(later.kind, Decision::Kind::pass);
    counts.drift[index_of(DriftState::pending)] = 0;
    counts.drift[index_of(DriftState::stale)] = 1;
    EXPECT_EQ(decide(gates, counts, made.progress, start + minutes{1}).kind, Decision::Kind::pass);
}

}  // namespace
}  // namespace twinhub::hub
