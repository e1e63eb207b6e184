// What is stored of rollouts, and what a plan carries.
#include "hub/rollouts/record.h"

#include "base/encoding.h"
#include "hub/rollouts/plan_token.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

RolloutDocument document() {
    return parse_rollout(parse_json(R"({"name":"cams","target":"tags.a = 1","waves":[
        {"toPercent":1},{"rest":true}],"patch":{"tags":{"b":2.0}}})")
                             .value()
                             .as_object())
        .value();
}
std::vector<TwinId> devices(std::size_t from, std::size_t to) {
    std::vector<TwinId> ids;
    for (std::size_t i = from; i < to; ++i)
        ids.push_back({DeviceId::parse("dev-" + std::to_string(i)).value(), {}});
    return ids;
}
const Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};

TEST(RolloutRecord, IsReadAsItWasWritten) {
    RolloutRecord record;
    record.document = document();
    record.state = RolloutState::held;
    record.author = {.cause = Cause::job, .principal = "p", .reason = "why", .client = "::1"};
    record.created = noon;
    record.started = noon + Ticks{5};
    record.planned = std::string("\0\1x", 3);
    record.devices = 77;
    record.wave = 1;
    record.waves.resize(2);
    record.waves[0] = {.began = noon, .told = noon, .met = noon, .passed = noon, .waived = true};
    record.counts.resize(2);
    record.counts[1].steps[3] = 500;
    record.counts[0].drift[6] = 7;
    record.tell({noon, "held", 1, "4.4% rejected, limit 1%", ""});
    record.tell({noon, "resumed", std::nullopt, "looked at it", "ada"});
    std::string sealed;
    seal_rollout(record, sealed);
    EXPECT_EQ(open_rollout(rollout_key("cams"), sealed).value(), record);
    EXPECT_EQ(open_rollout(rollout_key("other"), sealed).error().code, Code::corrupted);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string damaged = sealed;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        EXPECT_FALSE(open_rollout(rollout_key("cams"), damaged)) << i;
    }
}

TEST(RolloutRecord, ForgetsTheOldestLinesOfALongLog) {
    RolloutRecord record;
    for (std::size_t i = 0; i < rollout_log_max + 10; ++i)
        record.tell({noon, std::to_string(i), {}, {}, {}});
    EXPECT_EQ(record.log.size(), rollout_log_max);
    EXPECT_EQ(record.log.front().what, "10");
}

DeviceRecord told() {
    return {.generation_id = "7",
            .wave = 3,
            .step = DeviceStep::told,
            .at = noon,
            .leaves = {{.part = twin::Part::desired,
                        .path = "fan.speed",
                        .before = json::value(1.0),
                        .after = json::value(json::array{1, "x", json::object{{"a", true}}}),
                        .kept = 1},
                       {.part = twin::Part::tags, .path = "b", .before = std::nullopt}},
            .message = "m"};
}

TEST(DeviceRecord, IsReadAsItWasWritten) {
    const TwinId id{DeviceId::parse("d").value(), ModuleId::parse("m").value()};
    const std::string key = rollout_device_key("cams", id);
    std::string sealed;
    seal_device(told(), key, sealed);
    EXPECT_EQ(open_device(key, sealed).value(), told());
    EXPECT_EQ(rollout_device_of("cams", key), id);
    EXPECT_FALSE(rollout_device_of("cam", key));
    EXPECT_FALSE(rollout_device_of("camsx", key));
}

// Part of the disk format: it may grow behind this, and never change.
TEST(DeviceRecord, HasTheseBytes) {
    std::string bytes;
    DeviceRecord record = told();
    record.at = Instant{Ticks{1}};
    append_encoded(bytes, record);
    EXPECT_EQ(hex_encode(bytes),
              "013703010202"
              "0109"
              "66616e2e7370656564"
              "0103"
              "312e30"
              "0112"
              "5b312c2278222c7b2261223a747275657d5d"
              "01"
              "00"
              "0162"
              "0000"
              "00"
              "016d");
}

TEST(Plans, AreSigned) {
    const PlanFacts facts{document(), FleetPrint::of(devices(0, 100)), noon, true};
    const std::string token = sign_plan(facts, "key");
    const auto read = read_plan(token, "key");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->document, facts.document);
    EXPECT_EQ(read->fleet, facts.fleet);
    EXPECT_EQ(read->at, noon);
    EXPECT_TRUE(read->is_everything);
    EXPECT_FALSE(read_plan(token, "another key"));
    EXPECT_FALSE(read_plan("", "key"));
    EXPECT_FALSE(read_plan("a.b", "key"));
    std::string changed = token;
    changed[10] = changed[10] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_plan(changed, "key"));
}

TEST(Plans, KnowHowFarTheFleetHasMoved) {
    const FleetPrint small = FleetPrint::of(devices(0, 200));
    EXPECT_EQ(FleetPrint::parse(small.bytes()).value(), small);
    EXPECT_EQ(small.moved(devices(0, 200)), 0);
    EXPECT_DOUBLE_EQ(small.moved(devices(0, 204)), 0.02);
    // As many as before, but three of them others.
    EXPECT_DOUBLE_EQ(small.moved(devices(3, 203)), 0.03);
    EXPECT_GE(small.moved({}), 1);
    for (const std::size_t fleet : {std::size_t{20'000}, std::size_t{200'000}}) {
        const FleetPrint large = FleetPrint::of(devices(0, fleet));
        EXPECT_EQ(large.moved(devices(0, fleet)), 0);
        // Half a percent went and half came.
        const std::size_t moved = fleet / 200;
        EXPECT_NEAR(large.moved(devices(moved, fleet + moved)), 0.01, 0.003);
        EXPECT_GT(large.moved(devices(fleet / 20, fleet + fleet / 20)), plan_moved_max * 2);
    }
}

}  // namespace
}  // namespace twinhub::hub
