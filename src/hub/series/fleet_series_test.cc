#include "hub/series/fleet_series.h"

#include "hub/jobs/jobs.h"
#include "hub/series/causes.h"
#include "hub/series/reading.h"
#include "hub/series/settings.h"
#include "hub/testing/histories.h"
#include "store/keys.h"

#include <gmock/gmock.h>

#include <map>

namespace twinhub::hub {
namespace {

using testing::author_of;
using testing::below;
using testing::id_of;
using testing::spec_of;
using testing::TestClock;
using testing::TestHub;
using testing::TestLink;
using namespace std::chrono_literals;
using DriftState = twin::drift::State;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Settings by_site() {
    Settings settings;
    settings.series.by = {"tags.site"};
    return settings;
}

FleetSeriesAnswer read(TestHub& hub, SeriesRequest request) {
    auto answer = hub.run(hub.hub().series().read(std::move(request)));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *std::move(answer) : FleetSeriesAnswer{};
}
std::string refusal(TestHub& hub, SeriesRequest request) {
    const auto answer = hub.run(hub.hub().series().read(std::move(request)));
    return answer ? "" : answer.error().message;
}

// "2/1+3 -": devices, connected ones and connects of each step, or nothing.
std::string shown(const SeriesLine& line) {
    std::string text;
    for (const auto& point : line) {
        if (!text.empty()) text += ' ';
        if (point)
            text += std::to_string(point->devices()) + "/" + std::to_string(point->connected) +
                    "+" + std::to_string(point->connects);
        else text += '-';
    }
    return text;
}

void set_site(TestHub& hub, std::string_view device, std::string_view site) {
    EXPECT_TRUE(hub.patch(id_of(device), R"({"tags":{"site":)" + std::string(site) + "}}"));
}

TEST(FleetSeries, TellsHowTheFleetStoodMinuteByMinute) {
    TestHub hub(by_site());
    hub.tick();
    hub.create(spec_of("a"));
    hub.create(spec_of("b"));
    hub.create(spec_of("b", "module"));
    set_site(hub, "a", R"("north")");
    TestLink link;
    hub.connect(id_of("a"), link);
    hub.tick(1min);
    EXPECT_TRUE(hub.patch(id_of("a"), R"({"properties":{"desired":{"p":1}}})"));
    hub.shard(id_of("a")).detach(id_of("a"), link);
    hub.connect(id_of("a"), link);
    hub.shard(id_of("a")).detach(id_of("a"), link);
    hub.tick(1min);
    hub.connect(id_of("a"), link);
    set_site(hub, "b", R"("south")");
    hub.tick(1min);
    hub.tick(30s);

    const FleetSeriesAnswer answer =
        read(hub, {.window = 4min, .step = 1min, .by = "tags.site", .where = ""});
    EXPECT_EQ(shown(answer.line), "- 2/1+1 2/0+1 2/1+1");
    EXPECT_EQ(answer.line.at(2)->states[index_of(DriftState::offline)], 1u);
    EXPECT_EQ(answer.line.at(3)->states[index_of(DriftState::pending)], 1u);
    EXPECT_EQ(answer.from, TestClock::start - 1min);
    EXPECT_EQ(answer.until, TestClock::start + 3min);
    ASSERT_EQ(answer.groups.size(), 2u);
    EXPECT_EQ(answer.groups[0].key, "\"north\"");
    EXPECT_EQ(shown(answer.groups[0].line), "- 1/1+1 1/0+1 1/1+1");
    EXPECT_EQ(shown(answer.groups[1].line), "- 0/0+0 0/0+0 1/0+0");
    EXPECT_EQ(shown(answer.missing), "- 1/0+0 1/0+0 0/0+0");
    EXPECT_EQ(
        shown(read(hub, {.window = 4min, .step = 1min, .by = "", .where = "tags.site = 'north'"})
                  .line),
        "- 1/1+1 1/0+1 1/1+1");
    // The last of the states, the sum of the connects.
    EXPECT_EQ(shown(read(hub, {.window = 3min, .step = 5min, .by = "", .where = ""}).line),
              "2/1+3");
}

TEST(FleetSeries, GoesOnAfterARestartAndLeavesTheTimeBetweenEmpty) {
    TestHub hub(by_site());
    hub.create(spec_of("a"));
    set_site(hub, "a", "1");
    TestLink link;
    hub.connect(id_of("a"), link);
    hub.tick();
    hub.tick(1min);
    ASSERT_TRUE(hub.crash());
    hub.clock().advance(3min);
    hub.tick();
    hub.connect(id_of("a"), link);
    hub.tick(1min);
    const FleetSeriesAnswer answer =
        read(hub, {.window = 5min, .step = 1min, .by = "tags.site", .where = ""});
    EXPECT_EQ(shown(answer.line), "1/1+1 - - - 1/1+1");
    ASSERT_EQ(answer.groups.size(), 1u);
    EXPECT_EQ(shown(answer.groups[0].line), "1/1+1 - - - 1/1+1");
    // The hour counts what both runs of the hub have seen.
    EXPECT_EQ(shown(read(hub, {.window = 1min, .step = 60min, .by = "", .where = ""}).line),
              "1/1+2");
}

TEST(FleetSeries, KeepsMinutesForAWeekAndHoursForFourHundredDays) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.tick();
    hub.tick(1min);
    const auto stored = [&](SeriesLevel level) {
        std::size_t count = 0;
        const auto cursor =
            hub.engine().scan(store::Family::metadata,
                              series_range(level, "", 0, series_number(level, hub.clock().now())));
        for (cursor->seek_first(); cursor->valid(); cursor->next()) ++count;
        return count;
    };
    const auto pass = [&](std::chrono::hours time) {
        hub.tick(std::chrono::duration_cast<std::chrono::milliseconds>(time));
        hub.tick();
    };
    EXPECT_EQ(stored(SeriesLevel::minute), 1u);
    pass(std::chrono::days{6});
    EXPECT_EQ(stored(SeriesLevel::minute), 2u);
    pass(std::chrono::days{2});
    EXPECT_EQ(stored(SeriesLevel::minute), 2u);  // the first one has gone
    EXPECT_EQ(stored(SeriesLevel::hour), 3u);
    pass(std::chrono::days{393});
    EXPECT_EQ(stored(SeriesLevel::minute), 1u);
    EXPECT_EQ(stored(SeriesLevel::hour), 3u);
    EXPECT_EQ(read(hub, {.window = std::chrono::days{400}, .step = {}, .by = "", .where = ""}).step,
              std::chrono::days{7});
}

TEST(FleetSeries, LosesAMinuteThatTheStoreRefusesAndNoMore) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.tick();
    hub.tick(1min);
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    hub.tick(1min);
    hub.tick(1min);
    hub.tick(1min);
    EXPECT_EQ(shown(read(hub, {.window = 4min, .step = 1min, .by = "", .where = ""}).line),
              "1/0+0 - 1/0+0 1/0+0");
}

TEST(FleetSeries, TakesTheMinutesAnewWhenTheClockIsSetBack) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.tick();
    hub.tick(1min);
    hub.tick(1min);
    hub.create(spec_of("b"));
    hub.clock().advance(-90s);
    hub.tick();
    hub.tick(1min);
    EXPECT_EQ(shown(read(hub, {.window = 2min, .step = 1min, .by = "", .where = ""}).line),
              "- 2/0+0");
}

TEST(FleetSeries, GivesTheCommonestValuesTheirOwnSeries) {
    Settings settings = by_site();
    TestHub hub(Settings{});
    for (std::size_t i = 0; i < series_values_max + 5; ++i) {
        const std::string name = "d" + std::to_string(i);
        hub.create(spec_of(name));
        set_site(hub, name, i < 3 ? "\"common\"" : std::to_string(i));
    }
    hub.settings().series = settings.series;
    ASSERT_TRUE(hub.restart());
    hub.tick();
    hub.tick(1min);
    const FleetSeriesAnswer answer =
        read(hub, {.window = 1min, .step = 1min, .by = "tags.site", .where = ""});
    EXPECT_EQ(answer.groups.size(), series_values_max);
    EXPECT_EQ(answer.groups.front().key, "\"common\"");
    EXPECT_EQ(shown(answer.groups.front().line), "3/0+0");
    EXPECT_EQ(shown(answer.rest), "3/0+0");
}

TEST(FleetSeries, RefusesWhatIsNotKept) {
    TestHub hub(by_site());
    EXPECT_THAT(refusal(hub, {.by = "tags.depot"}), HasSubstr("No series is kept by 'tags.depot'"));
    EXPECT_THAT(refusal(hub, {.by = "tags.depot"}), HasSubstr("has tags.site"));
    EXPECT_THAT(refusal(hub, {.where = "tags.depot = 'x'"}), HasSubstr("No series is kept by"));
    EXPECT_THAT(refusal(hub, {.where = "tags.site != 'x'"}), HasSubstr("drift.series_by"));
    EXPECT_THAT(refusal(hub, {.by = "tags.site", .where = "tags.site = 'x'"}), HasSubstr("or of"));
    EXPECT_THAT(refusal(hub, {.window = 24h, .step = 1min, .by = "tags.site"}),
                HasSubstr("more than 500 points"));
    Settings wrong;
    wrong.series.by = {"deviceId"};
    hub.settings() = wrong;
    EXPECT_EQ(hub.restart().error().code, Code::argument_invalid);
}

TEST(FleetSeries, NamesWhatBeganMeanwhile) {
    TestHub hub;
    hub.create(spec_of("a"));
    hub.clock().advance(10s);
    JobSpec job = read_job("j",
                           parse_json(R"({"type":"scheduleUpdateTwin","updateTwin":
        {"properties":{"desired":{"p":1}},"etag":"*"},"queryCondition":"*"})")
                               .value()
                               .as_object(),
                           author_of(), hub.clock().now(), 1h)
                      .value();
    ASSERT_TRUE(hub.run(hub.hub().jobs().create(std::move(job))));
    for (int i = 0; i < 10; ++i) hub.tick();
    const Instant now = hub.clock().now();
    const auto found = hub.run(series_causes(hub.hub(), TestClock::start, now));
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->complete);
    ASSERT_EQ(found->causes.size(), 1u);
    EXPECT_EQ(found->causes[0].kind, "job");
    EXPECT_EQ(found->causes[0].id, "j");
    EXPECT_EQ(found->causes[0].by, "iothubowner");
    EXPECT_EQ(found->causes[0].devices, 1u);
    EXPECT_TRUE(hub.run(series_causes(hub.hub(), now, now + 1h))->causes.empty());
}

// What is counted as it changes is what a question to the fleet finds, whatever happened; minutes
// add up to hours; a restart changes nothing.
RC_GTEST_PROP(FleetSeries, SaysWhatARecountSays, ()) {
    TestHub hub(by_site());
    std::map<std::string, TestLink> links;
    std::map<std::string, bool> connected;
    std::map<std::int64_t, SeriesSample> minutes_taken;
    std::map<std::string, std::uint64_t> connects;
    const auto exists = [&](const std::string& device) { return connected.contains(device); };
    const auto recount = [&] {
        SeriesSample sample;
        std::map<std::string, SeriesCounts> groups;
        for (const std::string& text : testing::answer_of(
                 hub,
                 "SELECT tags.site AS site, $drift.state AS s, connectionState AS c FROM "
                 "devices")) {
            const json::object row = parse_json(text).value().as_object();
            SeriesCounts one;
            one.states[index_of(
                twin::drift::state_of(std::string(row.at("s").as_string())).value())] = 1;
            one.connected = row.at("c") == "Connected" ? 1 : 0;
            sample.all.add(one);
            if (const json::value* site = row.if_contains("site")) groups[to_text(*site)].add(one);
            else sample.missing.add(one);
        }
        for (const auto& [site, counts] : groups) sample.groups.push_back({site, counts});
        return sample;
    };
    std::uint64_t came = 0;
    hub.tick();
    for (std::size_t step = below(60); step != 0; --step) {
        const std::string device = "d" + std::to_string(below(4));
        const TwinId id = id_of(device);
        switch (below(9)) {
            case 0:
            case 1:
                if (exists(device)) break;
                hub.create(spec_of(device));
                connected[device] = false;
                break;
            case 2:
                if (!exists(device)) break;
                set_site(hub, device, std::array{"\"x\"", "\"y\"", "null", "{\"a\":1}"}[below(4)]);
                break;
            case 3:
                if (!exists(device)) break;
                (void)hub.patch(
                    id, R"({"properties":{"desired":{"p":)" + std::to_string(below(2)) + "}}}");
                break;
            case 4:
                if (!exists(device)) break;
                hub.begin_report(id, R"({"p":)" + std::to_string(below(2)) + "}");
                hub.settle();
                break;
            case 5:
                if (!exists(device)) break;
                hub.connect(id, links[device]);
                connected[device] = true;
                ++came;
                break;
            case 6:
                if (!exists(device) || !connected[device]) break;
                hub.shard(id).detach(id, links[device]);
                connected[device] = false;
                break;
            case 7:
                if (!exists(device) || below(3) != 0) break;
                RC_ASSERT(hub.run(hub.registry().remove(id, twin::Match::any(), author_of())));
                connected.erase(device);
                break;
            default: {
                const auto expected_minute = series_number(SeriesLevel::minute, hub.clock().now());
                const auto before = hub.clock().now();
                hub.tick(std::chrono::minutes{1 + static_cast<int>(below(40))});
                const std::int64_t minute =
                    series_number(SeriesLevel::minute, hub.clock().now()) - 1;
                RC_ASSERT(minute >= expected_minute);
                RC_ASSERT(before < hub.clock().now());
                // A deadline that passed in this very tick may count in the next minute.
                hub.tick(std::chrono::minutes{1});
                SeriesSample sample = recount();
                sample.all.connects = came;
                minutes_taken[minute].all.connects = came;
                came = 0;
                minutes_taken[minute + 1] = sample;
                minutes_taken[minute + 1].all.connects = 0;
                if (below(4) == 0) {
                    RC_ASSERT(hub.crash());
                    for (auto& [name, is] : connected) is = false;
                    hub.tick();
                }
            }
        }
    }
    // Each minute that was recounted, as it was stored.
    for (const auto& [minute, expected] : minutes_taken) {
        const std::string key = series_key(SeriesLevel::minute, "", minute);
        const auto value = hub.engine().get(store::Family::metadata, key).value();
        RC_ASSERT(value.has_value());
        const SeriesSample stored = open_sample(key, *value).value();
        RC_ASSERT(stored.all.connects == expected.all.connects);
        if (expected.all.devices() == 0) continue;
        RC_ASSERT(stored.all.states == expected.all.states);
        RC_ASSERT(stored.all.connected == expected.all.connected);
        const std::string by_key = series_key(SeriesLevel::minute, "tags.site", minute);
        SeriesSample by =
            open_sample(by_key, hub.engine().get(store::Family::metadata, by_key).value().value())
                .value();
        // Objects are no groups: they are in the remainder.
        SeriesCounts others = by.rest;
        for (const auto& group : expected.groups)
            if (group.key.starts_with('{')) {
                RC_ASSERT(others.states == group.counts.states);
                others = {};
            } else {
                const SeriesCounts* found = by.find(group.key);
                RC_ASSERT(found != nullptr);
                RC_ASSERT(found->states == group.counts.states);
                RC_ASSERT(found->connected == group.counts.connected);
            }
        RC_ASSERT(others.devices() == 0u);
        RC_ASSERT(by.missing.states == expected.missing.states);
    }
    // Minutes come to hours.
    const std::int64_t last = series_number(SeriesLevel::minute, hub.clock().now());
    const store::Engine& engine = hub.engine();
    for (const char* path : {"", "tags.site"}) {
        SeriesReading reading{.level = SeriesLevel::minute, .step = minutes{60}};
        reading.first_step = last / 60 - 48;
        reading.steps = 49;
        reading.end_minute = last;
        const auto of_minutes = read_steps(engine, path, reading).value();
        reading.level = SeriesLevel::hour;
        RC_ASSERT(read_steps(engine, path, reading).value() == of_minutes);
    }
}

}  // namespace
}  // namespace twinhub::hub
