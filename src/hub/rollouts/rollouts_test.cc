// Rollouts over a hub on a store in memory: waves, gates, crashes, the way back.
#include "hub/rollouts/rollouts.h"

#include "hub/configurations/configurations.h"
#include "hub/testing/heard_events.h"
#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

namespace twinhub::hub {
namespace {

using testing::Answer;
using testing::id_of;
using testing::spec_of;
using testing::TestHub;
using testing::TestLink;
using namespace std::chrono_literals;

constexpr std::string_view plain_waves = R"([{"toPercent":10},{"toPercent":50},{"rest":true}])";

// A hub with a fleet that answers as real devices do.
class Fleet {
public:
    explicit Fleet(std::size_t size, std::string_view beginning = R"({"mode":1,"keep":{"a":7}})")
        : size_(size) {
        for (std::size_t i = 0; i < size; ++i) {
            const TwinId id = device(i);
            hub.create(spec_of(id.device.text()));
            EXPECT_TRUE(hub.patch(id, R"({"tags":{"fleet":"f","ring":)" + std::to_string(i % 2) +
                                          R"(},"properties":{"desired":)" + std::string(beginning) +
                                          "}}"));
        }
        hub.create(spec_of("outside"));
    }

    static TwinId device(std::size_t i) { return id_of("d" + std::to_string(i)); }
    std::size_t size() const { return size_; }

    Result<RolloutPlan> plan(std::string_view members = "{}",
                             std::string_view waves = plain_waves) {
        json::object body = parse_json(R"({"name":"r","target":"tags.fleet = 'f'",
            "patch":{"properties":{"desired":{"mode":2,"extra":{"on":true}}}}})")
                                .value()
                                .as_object();
        body["waves"] = parse_json(waves).value();
        const json::value changed = parse_json(members).value();
        for (const auto& [name, value] : changed.as_object())
            if (value.is_null()) body.erase(name);
            else body[name] = value;
        auto document = parse_rollout(body);
        if (!document) return std::unexpected(document.error());
        return hub.run(hub.hub().rollouts().plan(std::move(*document), {.principal = "service"}));
    }
    Result<RolloutPtr> put(const RolloutPlan& plan) {
        return hub.run(hub.hub().rollouts().put("r", plan.token, testing::author_of()));
    }
    Result<RolloutPtr> act(RolloutAction action, std::string reason = "because",
                           std::string confirm = {}) {
        Rollouts::Order order{action, std::move(confirm), testing::author_of()};
        order.author.reason = std::move(reason);
        return hub.run(hub.hub().rollouts().act("r", std::move(order)));
    }
    void start(std::string_view members = "{}", std::string_view waves = plain_waves) {
        const auto made = plan(members, waves);
        ASSERT_TRUE(made) << made.error().message << made.error().where;
        ASSERT_TRUE(put(*made));
        const auto started = act(RolloutAction::start);
        ASSERT_TRUE(started) << started.error().message;
    }
    RolloutPtr view() { return hub.hub().rollouts().get("r").value(); }
    RolloutState state() { return view()->record.state; }

    // Devices that are there: they answer what they are told; the bad ones refuse.
    void connect_all() {
        for (std::size_t i = 0; i < size_; ++i) hub.connect(device(i), links_.emplace_back());
        answered_.assign(size_, 0);
    }
    std::function<bool(std::size_t)> is_bad = [](std::size_t) { return false; };
    void answer() {
        for (std::size_t i = 0; i < links_.size(); ++i) {
            if (links_[i].versions.size() == answered_[i]) continue;
            answered_[i] = links_[i].versions.size();
            const json::value desired = hub.view(device(i)).twin.desired.to_json();
            const std::string version = std::to_string(links_[i].versions.back());
            const json::value* const mode = desired.as_object().if_contains("mode");
            const bool refuses = is_bad(i) && mode != nullptr && *mode == json::value(2);
            const std::string report =
                refuses ? R"({"mode":{"value":1,"ac":400,"av":)" + version + R"(,"ad":"no"}})"
                        : R"({"mode":{"value":)" + to_text(*mode) + R"(,"ac":200,"av":)" + version +
                              R"(},"extra":{"on":true}})";
            hub.begin_report(device(i), report);
        }
        hub.settle();
    }
    // Until nothing moves any more, or the time is over.
    void go(std::chrono::seconds time = 10s) {
        for (auto passed = 0ms; passed < time; passed += 250ms) {
            hub.tick(250ms);
            answer();
        }
    }
    std::size_t with_mode(int mode) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < size_; ++i)
            if (desired(i).at("mode") == json::value(mode)) ++count;
        return count;
    }
    json::object desired(std::size_t i) {
        return hub.view(device(i)).twin.desired.to_json().as_object();
    }

    // How often the rollout changed each device, by the log of changes alone.
    std::map<TwinId, int> changes(Cause cause) const {
        std::map<TwinId, int> counts;
        const auto cursor = engine().scan(store::Family::changes, store::Range{});
        for (cursor->seek_first(); cursor->valid(); cursor->next()) {
            const auto opened = store::open(store::Kind::change, change_record_format, "changes",
                                            cursor->key(), cursor->value());
            const ChangeRecord record = decode_change_record(opened.value().body).value();
            if (record.author.principal == "system:rollout/r" && record.author.cause == cause)
                ++counts[record.id];
        }
        return counts;
    }
    store::MemoryEngine& engine() const { return const_cast<TestHub&>(hub).engine(); }
    void drop_links() {
        links_.clear();
        answered_.clear();
    }

    TestHub hub;

private:
    std::size_t size_;
    std::deque<TestLink> links_;
    std::vector<std::size_t> answered_;
};

TEST(RolloutTimes, AreMeasuredForEachDeviceThatComesToIt) {
    Fleet fleet(10);
    fleet.is_bad = [](std::size_t i) { return i == 3; };
    fleet.connect_all();
    fleet.start("{}", R"([{"rest":true}])");
    fleet.hub.tick(250ms);
    fleet.hub.tick(250ms);
    fleet.hub.clock().advance(20s);
    fleet.answer();
    const std::string metrics = fleet.hub.metrics_text();
    EXPECT_THAT(metrics,
                ::testing::HasSubstr(R"(twin_rollout_converge_seconds_count{rollout="r"} 9)"));
    EXPECT_THAT(metrics, ::testing::ContainsRegex(
                             R"(twin_rollout_converge_seconds_sum\{rollout="r"\} 18[0-9])"));
}

TEST(RolloutPlans, SayWhatWouldHappenAndWriteNothing) {
    Fleet fleet(20);
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(3),
                                R"({"properties":{"desired":{"mode":2,"extra":{"on":true}}}})"));
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(4), R"({"properties":{"desired":{"mode":9}}})"));
    // No room for what the rollout would add.
    std::string full = "{";
    for (int i = 0; i < 8; ++i)
        full += (i == 0 ? "\"" : ",\"") + std::string("f") + std::to_string(i) + "\":\"" +
                std::string(4070, 'x') + "\"";
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(5),
                                R"({"properties":{"desired":{"b":)" + std::string(full) + "}}}}"));
    TestLink link;
    fleet.hub.connect(Fleet::device(7), link);
    const auto before = testing::read_past(fleet.engine()).changes;
    const auto plan = fleet.plan(R"({"patch":{"properties":{"desired":{"mode":2,
        "extra":{"on":true,"text":")" +
                                 std::string(300, 'y') + R"("}}}}})");
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->devices, 20u);
    EXPECT_EQ(plan->offline, 19u);
    EXPECT_EQ(plan->differs, 20u);
    EXPECT_EQ(plan->waves, (std::vector<std::uint64_t>{2, 8, 10}));
    EXPECT_EQ(plan->unassigned, 0u);
    EXPECT_FALSE(plan->is_everything);
    ASSERT_GE(plan->changes.size(), 3u);
    const auto changed = [&](std::string_view path, const json::value& from) {
        for (const PlannedChange& change : plan->changes)
            if (change.path == path && change.from == from) return change.devices;
        return std::uint64_t{0};
    };
    EXPECT_EQ(changed("properties.desired.mode", 1), 18u);
    EXPECT_EQ(changed("properties.desired.mode", 9), 1u);
    for (const PlannedFault& fault : plan->faults) {
        if (fault.kind != "size") continue;
        EXPECT_EQ(fault.devices, 1u);
        EXPECT_EQ(fault.example, "d5");
        EXPECT_THAT(fault.message, ::testing::HasSubstr("desired"));
    }
    EXPECT_EQ(testing::read_past(fleet.engine()).changes, before);
    const auto same = fleet.plan().value();
    EXPECT_EQ(same.same, 1u);
    EXPECT_EQ(same.differs, 19u);
}

TEST(RolloutPlans, MustBeOfThisHubAndOfThisFleet) {
    Fleet fleet(20);
    const RolloutPlan plan = fleet.plan().value();
    RolloutPlan forged = plan;
    forged.token[5] = forged.token[5] == 'A' ? 'B' : 'A';
    EXPECT_EQ(fleet.put(forged).error().code, Code::argument_invalid);
    EXPECT_EQ(fleet.hub.run(fleet.hub.hub().rollouts().put("s", plan.token, {})).error().code,
              Code::argument_invalid);
    ASSERT_TRUE(fleet.put(plan));
    // The key of the plans outlives the process, and so does the draft.
    ASSERT_TRUE(fleet.hub.crash());
    EXPECT_EQ(fleet.state(), RolloutState::draft);
    ASSERT_TRUE(fleet.put(plan));
    // Two of twenty are ten percent.
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(1), R"({"tags":{"fleet":"g"}})"));
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(2), R"({"tags":{"fleet":"g"}})"));
    const auto started = fleet.act(RolloutAction::start);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::conflict);
    EXPECT_THAT(started.error().message, ::testing::HasSubstr("10.0%"));
    EXPECT_EQ(fleet.state(), RolloutState::draft);
    ASSERT_TRUE(fleet.put(fleet.plan().value()));
    EXPECT_TRUE(fleet.act(RolloutAction::start));
}

TEST(RolloutPlans, AskBeforeTheyHitEverything) {
    Fleet fleet(4);
    const auto all = fleet.plan(R"({"target":"tags.fleet = 'f' OR deviceId = 'outside'"})");
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->is_everything);
    EXPECT_EQ(fleet.put(*all).error().where, "target");
    EXPECT_EQ(fleet.plan(R"({"target":"*"})").error().where, "target");
    const auto meant = fleet.plan(R"({"target":"*","confirmAll":true})");
    ASSERT_TRUE(meant);
    EXPECT_TRUE(fleet.put(*meant));
}

TEST(RolloutPlans, NameTheOtherRolloutsOfTheSamePlaces) {
    Fleet fleet(6);
    fleet.start(R"({"gates":{"convergedAtLeast":1}})");
    fleet.go(2s);
    const auto other = fleet.plan(R"({"name":"s","target":"tags.ring = 0"})");
    ASSERT_TRUE(other);
    ASSERT_EQ(other->overlaps.size(), 1u);
    EXPECT_EQ(other->overlaps[0].kind, "rollout");
    EXPECT_EQ(other->overlaps[0].id, "r");
    EXPECT_EQ(other->overlaps[0].devices, 3u);
    const auto apart = fleet.plan(R"({"name":"s","patch":{"properties":{"desired":{"other":1}}}})");
    EXPECT_TRUE(apart->overlaps.empty());
}

TEST(RolloutPlans, NameTheConfigurationsOfTheSamePlaces) {
    Fleet fleet(4);
    const auto put = [&](std::string_view id, std::string_view place) {
        json::object body =
            parse_json(R"({"priority":7,"targetCondition":"tags.ring = 0"})").value().as_object();
        body["id"] = id;
        body["content"] = json::object{{"deviceContent", json::object{{place, 5}}}};
        const auto made = fleet.hub.run(fleet.hub.hub().configurations().put(
            read_configuration(id, body).value(), twin::Match(), testing::author_of()));
        EXPECT_TRUE(made) << made.error().message;
    };
    put("same", "properties.desired.extra.on");
    put("other", "properties.desired.keep.b");
    for (int i = 0; i < 20; ++i) fleet.hub.tick(500ms);
    const auto plan = fleet.plan();
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->overlaps,
                ::testing::ElementsAre(PlannedOverlap{
                    "configuration", "same", "properties.desired.extra.on", 2, "priority 7"}));
}

TEST(Rollouts, GoThroughTheirWavesToTheEnd) {
    Fleet fleet(20);
    fleet.connect_all();
    fleet.start(R"({"gates":{"convergedAtLeast":1,"soak":"PT2S"}})");
    fleet.go(2s);
    // The first wave has converged and is being watched; nobody else knows.
    EXPECT_EQ(fleet.with_mode(2), 2u);
    EXPECT_EQ(fleet.view()->waves[0].of(twin::drift::State::converged), 2u);
    EXPECT_EQ(fleet.state(), RolloutState::running);
    fleet.go(20s);
    EXPECT_EQ(fleet.state(), RolloutState::completed);
    EXPECT_EQ(fleet.with_mode(2), 20u);
    EXPECT_FALSE(fleet.hub.view(id_of("outside")).twin.desired.find("mode"));
    const RolloutPtr view = fleet.view();
    EXPECT_EQ(view->waves[2].of(DeviceStep::told), 10u);
    EXPECT_EQ(view->waves[2].of(twin::drift::State::converged), 10u);
    std::vector<std::string> log;
    for (const LogLine& line : view->record.log) log.push_back(line.what);
    EXPECT_THAT(
        log, ::testing::ElementsAre("planned", "start", "running", "passed", "passed", "passed"));
    // Others see who it was.
    EXPECT_EQ(fleet.changes(Cause::rollout).size(), 20u);
    const auto page =
        fleet.hub.run(fleet.hub.hub().rollouts().devices("r", {.state = "told", .limit = 7}));
    ASSERT_TRUE(page);
    EXPECT_EQ(page->devices.size(), 7u);
    ASSERT_TRUE(page->next);
    EXPECT_EQ(page->devices[0].record->leaves.size(), 2u);
    EXPECT_EQ(page->devices[0].record->leaves[0].before, json::value(1));
}

TEST(Rollouts, StopInTheFirstGatedWaveOfALargeFleetAndGoBack) {
    constexpr std::size_t devices = 2'000;
    Fleet fleet(devices);
    fleet.connect_all();
    fleet.is_bad = [](std::size_t i) { return i % 20 == 7; };
    fleet.start(R"({"gates":{"convergedAtLeast":0.97,"rejectedAtMost":0.01}})",
                R"([{"toPercent":5},{"toPercent":30},{"rest":true}])");
    fleet.go(5s);
    ASSERT_EQ(fleet.state(), RolloutState::held) << fleet.view()->now;
    EXPECT_THAT(fleet.view()->now, ::testing::HasSubstr("rejected, limit 1%"));
    EXPECT_LE(fleet.with_mode(2), 100u);
    EXPECT_EQ(fleet.with_mode(2) + fleet.with_mode(1), devices);
    // The gate holds, through a restart too.
    ASSERT_TRUE(fleet.hub.crash());
    fleet.drop_links();
    fleet.go(3s);
    EXPECT_EQ(fleet.state(), RolloutState::held);
    EXPECT_LE(fleet.with_mode(2), 100u);
    EXPECT_GT(fleet.view()->waves[0].of(twin::drift::State::rejected), 1u);
    const auto rejected = fleet.hub.run(
        fleet.hub.hub().rollouts().devices("r", {.state = "rejected", .wave = 0, .limit = 1000}));
    EXPECT_EQ(rejected->devices.size(), fleet.view()->waves[0].of(twin::drift::State::rejected));

    EXPECT_EQ(fleet.act(RolloutAction::rollback, "").error().where, "reason");
    ASSERT_TRUE(fleet.act(RolloutAction::rollback, "too many refuse"));
    fleet.go(5s);
    EXPECT_EQ(fleet.state(), RolloutState::rolled_back);
    EXPECT_EQ(fleet.with_mode(1), devices);
    for (std::size_t i = 0; i < devices; i += 97)
        EXPECT_EQ(to_text(fleet.desired(i)), R"({"keep":{"a":7},"mode":1})");
    EXPECT_EQ(fleet.changes(Cause::rollback), fleet.changes(Cause::rollout));
    EXPECT_EQ(testing::wrong_with(fleet.hub), "");
}

TEST(Rollouts, GoOnPastAGateOnlyWhenSomebodyMeansIt) {
    Fleet fleet(20);
    fleet.connect_all();
    fleet.is_bad = [](std::size_t) { return true; };
    fleet.start(R"({"gates":{"rejectedAtMost":0}})", R"([{"count":2},{"rest":true,"gates":{}}])");
    fleet.go(3s);
    ASSERT_EQ(fleet.state(), RolloutState::held);
    EXPECT_EQ(fleet.act(RolloutAction::resume).error().where, "confirm");
    EXPECT_EQ(fleet.act(RolloutAction::resume, "", "r").error().where, "reason");
    EXPECT_EQ(fleet.state(), RolloutState::held);
    ASSERT_TRUE(fleet.act(RolloutAction::resume, "they are old", "r"));
    fleet.go(3s);
    EXPECT_EQ(fleet.state(), RolloutState::completed);
    EXPECT_EQ(fleet.with_mode(2), 20u);
    EXPECT_TRUE(fleet.view()->record.waves[0].waived);
}

TEST(Rollouts, SayWhereTheyStandWhenThatChanges) {
    Fleet fleet(20);
    fleet.connect_all();
    fleet.is_bad = [](std::size_t i) { return i < 10; };
    testing::HeardEvents heard(fleet.hub, fleet.hub.hub().rollouts().events());
    fleet.start(R"({"gates":{"rejectedAtMost":0}})", R"([{"count":12},{"rest":true,"gates":{}}])");
    fleet.go(3s);
    ASSERT_EQ(fleet.state(), RolloutState::held);
    EXPECT_THAT(heard.kinds(), ::testing::ElementsAre("rolloutStarted", "rolloutHeld"));
    json::object held = heard.last();
    EXPECT_EQ(held.at("rollout"), "r");
    EXPECT_EQ(held.at("state"), "held");
    EXPECT_EQ(held.at("from"), "running");
    EXPECT_EQ(held.at("wave"), 1);
    EXPECT_EQ(held.at("waves"), 2);
    EXPECT_EQ(held.at("devices"), 20);
    EXPECT_TRUE(held.contains("reason"));
    EXPECT_FALSE(held.contains("principal"));
    EXPECT_GE(held.at("states").at("rejected").to_number<int>(), 1);
    ASSERT_TRUE(fleet.act(RolloutAction::resume, "they are old", "r"));
    const json::object resumed = heard.last("rolloutResumed");
    EXPECT_EQ(resumed.at("reason"), "they are old");
    EXPECT_EQ(resumed.at("principal"), "iothubowner");
    ASSERT_TRUE(fleet.act(RolloutAction::pause));
    ASSERT_TRUE(fleet.act(RolloutAction::resume));
    fleet.go(3s);
    ASSERT_EQ(fleet.state(), RolloutState::completed);
    ASSERT_TRUE(fleet.act(RolloutAction::rollback));
    fleet.go(3s);
    ASSERT_EQ(fleet.state(), RolloutState::rolled_back);
    std::vector<std::string> kinds = heard.kinds();
    EXPECT_NE(std::erase(kinds, "rolloutDeviceFailed"), 0u);
    EXPECT_THAT(kinds, ::testing::ElementsAre("rolloutStarted", "rolloutHeld", "rolloutResumed",
                                              "rolloutPaused", "rolloutResumed", "rolloutCompleted",
                                              "rolloutRollingBack", "rolloutRolledBack"));
}

TEST(Rollouts, HaltOrGoBackByThemselvesWhereThatIsAsked) {
    for (const auto& [on_fail, state, changed] :
         {std::tuple("halt", RolloutState::halted, 2u),
          std::tuple("rollback", RolloutState::rolled_back, 0u)}) {
        Fleet fleet(10);
        fleet.connect_all();
        fleet.is_bad = [](std::size_t) { return true; };
        fleet.start(R"({"gates":{"rejectedAtMost":0},"onFail":")" + std::string(on_fail) + "\"}",
                    R"([{"count":2},{"rest":true}])");
        fleet.go(5s);
        EXPECT_EQ(fleet.state(), state);
        EXPECT_EQ(fleet.with_mode(2), changed);
    }
}

TEST(Rollouts, PauseAndEndAtOnce) {
    Fleet fleet(10);
    fleet.start(R"({"devicesPerSecond":1})", R"([{"rest":true}])");
    fleet.go(4s);
    const std::size_t told = fleet.with_mode(2);
    EXPECT_GE(told, 2u);
    EXPECT_LE(told, 5u);
    ASSERT_TRUE(fleet.act(RolloutAction::pause));
    const std::size_t then = fleet.with_mode(2);
    fleet.go(4s);
    EXPECT_EQ(fleet.with_mode(2), then);
    EXPECT_EQ(fleet.act(RolloutAction::pause).error().code, Code::conflict);
    ASSERT_TRUE(fleet.act(RolloutAction::resume));
    fleet.go(2s);
    EXPECT_GT(fleet.with_mode(2), then);
    ASSERT_TRUE(fleet.act(RolloutAction::abort, ""));
    const std::size_t last = fleet.with_mode(2);
    fleet.go(4s);
    EXPECT_EQ(fleet.with_mode(2), last);
    EXPECT_EQ(fleet.state(), RolloutState::halted);
    // Even now it can be taken back, and then be forgotten.
    ASSERT_TRUE(fleet.act(RolloutAction::rollback));
    fleet.go(4s);
    EXPECT_EQ(fleet.state(), RolloutState::rolled_back);
    EXPECT_EQ(fleet.with_mode(1), 10u);
    ASSERT_TRUE(fleet.hub.run(fleet.hub.hub().rollouts().remove("r")));
    EXPECT_EQ(fleet.hub.hub().rollouts().get("r").error().code, Code::not_found);
    ASSERT_TRUE(fleet.hub.crash());
    EXPECT_TRUE(fleet.hub.hub().rollouts().list().empty());
}

TEST(Rollouts, LeaveAloneWhatOthersChangedSince) {
    Fleet fleet(4);
    fleet.start("{}", R"([{"rest":true}])");
    fleet.go(2s);
    ASSERT_EQ(fleet.state(), RolloutState::completed);
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(0), R"({"properties":{"desired":{"mode":5}}})"));
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(1),
                                R"({"properties":{"desired":{"mode":5,"extra":{"on":5}}}})"));
    ASSERT_TRUE(fleet.hub.run(
        fleet.hub.registry().remove(Fleet::device(2), twin::Match::any(), testing::author_of())));
    fleet.hub.create(spec_of("d2"));
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(2), R"({"properties":{"desired":{"mode":2}}})"));
    ASSERT_TRUE(fleet.act(RolloutAction::rollback));
    fleet.go(3s);
    ASSERT_EQ(fleet.state(), RolloutState::rolled_back);
    EXPECT_EQ(to_text(fleet.desired(0)), R"({"keep":{"a":7},"mode":5})");
    EXPECT_EQ(to_text(fleet.desired(1)), R"({"extra":{"on":5},"keep":{"a":7},"mode":5})");
    EXPECT_EQ(to_text(fleet.desired(2)), R"({"mode":2})");  // another device of that name
    EXPECT_EQ(to_text(fleet.desired(3)), R"({"keep":{"a":7},"mode":1})");
    const WaveCounts& counts = fleet.view()->waves[0];
    EXPECT_EQ(counts.of(DeviceStep::restored), 2u);
    EXPECT_EQ(counts.of(DeviceStep::kept), 1u);
    EXPECT_EQ(counts.of(DeviceStep::gone), 1u);
}

TEST(Rollouts, TellDevicesWithinTheirWindowsByTheirOwnClocks) {
    Fleet fleet(4);  // it is March 1, 2026, midnight UTC
    for (const auto& [i, zone] : {std::pair(0, "Europe/Berlin"), std::pair(1, "America/New_York"),
                                  std::pair(2, "Europe/Atlantis")})
        ASSERT_TRUE(fleet.hub.patch(Fleet::device(static_cast<std::size_t>(i)),
                                    R"({"tags":{"zone":")" + std::string(zone) + "\"}}"));
    const auto plan = fleet.plan(
        R"({"window":{"zoneTag":"tags.zone","zone":"Asia/Tokyo",
            "times":[{"from":"22:00","to":"02:00"}]}})",
        R"([{"rest":true}])");
    ASSERT_TRUE(plan) << plan.error().message;
    bool unknown_zone = false;
    for (const PlannedFault& fault : plan->faults)
        unknown_zone =
            unknown_zone || (fault.kind == "unknownZone" && fault.example == "Europe/Atlantis");
    EXPECT_TRUE(unknown_zone);
    ASSERT_TRUE(fleet.put(*plan));
    ASSERT_TRUE(fleet.act(RolloutAction::start));
    fleet.go(5s);
    const auto told = [&] {
        std::string names;
        for (std::size_t i = 0; i < 4; ++i)
            if (fleet.desired(i).at("mode") == json::value(2)) names += std::to_string(i);
        return names;
    };
    EXPECT_EQ(told(), "0");  // 01:00 in Berlin, 19:00 in New York, 09:00 in Tokyo
    ASSERT_TRUE(fleet.view()->opens);
    EXPECT_EQ(format_instant(*fleet.view()->opens), "2026-03-01T03:00:00Z");
    fleet.hub.tick(2h);
    fleet.go(3s);
    EXPECT_EQ(told(), "0");
    fleet.hub.tick(1h);
    fleet.go(3s);
    EXPECT_EQ(told(), "01");
    fleet.hub.tick(10h);  // 13:00 UTC is 22:00 in Tokyo
    fleet.go(3s);
    EXPECT_EQ(told(), "0123");
    EXPECT_EQ(fleet.state(), RolloutState::completed);
}

TEST(Rollouts, MoveDevicesWhoseZoneIsChangedWhileTheyWait) {
    Fleet fleet(1);
    fleet.start(R"({"window":{"zoneTag":"tags.zone","zone":"Asia/Tokyo",
                              "times":[{"from":"22:00","to":"02:00"}]}})",
                R"([{"rest":true}])");
    fleet.go(3s);
    EXPECT_EQ(fleet.with_mode(2), 0u);
    ASSERT_TRUE(fleet.hub.patch(Fleet::device(0), R"({"tags":{"zone":"Europe/Berlin"}})"));
    fleet.go(3s);
    EXPECT_EQ(fleet.with_mode(2), 1u);
}

TEST(Rollouts, CountWhatTheHubCannotWrite) {
    Fleet fleet(3);
    std::string full = "{";
    for (int i = 0; i < 8; ++i)
        full += (i == 0 ? "\"" : ",\"") + std::string("f") + std::to_string(i) + "\":\"" +
                std::string(4085, 'x') + "\"";
    ASSERT_TRUE(
        fleet.hub.patch(Fleet::device(1), R"({"properties":{"desired":{"b":)" + full + "}}}}"));
    fleet.start(
        R"({"patch":{"properties":{"desired":{"mode":2,"text":"0123456789012345678901234567890123456789012345678901234567890123"}}}})",
        R"([{"rest":true}])");
    fleet.go(3s);
    EXPECT_EQ(fleet.view()->waves[0].of(DeviceStep::failed), 1u);
    const auto page = fleet.hub.run(fleet.hub.hub().rollouts().devices("r", {.state = "failed"}));
    ASSERT_EQ(page->devices.size(), 1u);
    EXPECT_EQ(page->devices[0].listed.id, Fleet::device(1));
    EXPECT_THAT(page->devices[0].record->message, ::testing::HasSubstr("desired"));
}

TEST(Rollouts, TryAgainWhenTheStoreFails) {
    Fleet fleet(8);
    fleet.start("{}", R"([{"rest":true}])");
    fleet.hub.engine().fail_commits(3, store::MemoryEngine::Fault::refused, 2);
    fleet.go(10s);
    EXPECT_EQ(fleet.state(), RolloutState::completed);
    EXPECT_EQ(fleet.with_mode(2), 8u);
    for (const auto& [id, count] : fleet.changes(Cause::rollout)) EXPECT_EQ(count, 1) << id.text();
}

// Any run of turns, reports, orders and kills at any moment: no device is changed twice or
// skipped, and the way back leads everybody to what they had.
RC_GTEST_PROP(RolloutsProperty, KilledAtAnyMomentNobodyIsChangedTwiceOrSkipped, ()) {
    const auto size = *rc::gen::inRange<std::size_t>(3, 14);
    Fleet fleet(size);
    std::vector<std::string> before;
    for (std::size_t i = 0; i < size; ++i) before.push_back(to_text(fleet.desired(i)));
    fleet.start("{}", R"([{"count":2},{"toPercent":60},{"rest":true}])");
    const auto kill = [&] {
        // In the middle of whatever is under way.
        fleet.hub.clock().advance(300ms);
        for (std::size_t i = 0; i < fleet.hub.hub().shards().size(); ++i) fleet.hub.hub().tick(i);
        const int steps = *rc::gen::inRange(0, 12);
        for (int step = 0; step < steps; ++step)
            if (*rc::gen::arbitrary<bool>()) fleet.hub.turn_loops();
            else fleet.hub.commit();
        const auto again = fleet.hub.crash(*rc::gen::inRange<std::size_t>(1, 4),
                                           *rc::gen::inRange<std::size_t>(0, 4000));
        RC_ASSERT(again.has_value());
    };
    const auto some_turns = [&](int most) {
        const int turns = *rc::gen::inRange(0, most);
        for (int turn = 0; turn < turns; ++turn)
            if (*rc::gen::inRange(0, 3) == 0) kill();
            else fleet.hub.tick(250ms);
    };
    some_turns(12);
    const bool to_the_end = *rc::gen::arbitrary<bool>();
    if (to_the_end) {
        fleet.go(10s);
        RC_ASSERT(fleet.state() == RolloutState::completed);
        RC_ASSERT(fleet.with_mode(2) == size);
        RC_ASSERT(fleet.changes(Cause::rollout).size() == size);
    }
    for (const auto& [id, count] : fleet.changes(Cause::rollout)) RC_ASSERT(count == 1);
    if (fleet.state() == RolloutState::starting) fleet.go(2s);
    const auto back = fleet.act(RolloutAction::rollback);
    RC_ASSERT(back.has_value());
    some_turns(12);
    fleet.go(10s);
    RC_ASSERT(fleet.state() == RolloutState::rolled_back);
    for (std::size_t i = 0; i < size; ++i) RC_ASSERT(to_text(fleet.desired(i)) == before[i]);
    // Each one that was told has gone back once, and nobody else.
    RC_ASSERT(fleet.changes(Cause::rollback) == fleet.changes(Cause::rollout));
    for (const auto& [id, count] : fleet.changes(Cause::rollout)) RC_ASSERT(count == 1);
    RC_ASSERT(testing::wrong_with(fleet.hub) == "");
}

}  // namespace
}  // namespace twinhub::hub
