#include "hub/events/event_log.h"

#include "hub/events/log_reader.h"
#include "hub/events/stored_event.h"
#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::shared_ptr<const Route> route_of(std::string name = "r",
                                      std::vector<EventSource> sources = {EventSource::messages},
                                      std::string condition = {}) {
    return std::make_shared<const Route>(Route::make({.name = std::move(name),
                                                      .sources = std::move(sources),
                                                      .condition = std::move(condition),
                                                      .project = {},
                                                      .sink = "s",
                                                      .dead_letter = {}})
                                             .value());
}

// What stands on a hub between two starts of it.
struct EventLogTest : ::testing::Test {
    ~EventLogTest() override { end(); }

    void begin(EventLogLimits limits = {}) {
        const Executor loop = test.hub().shards().at(0).executor();
        cursors = RouteCursors::open(test.hub(), loop).value();
        log = EventLog::open(test.hub(), loop, limits).value();
        log->hear(EventSource::messages, test.hub().device_events());
        log->hear(EventSource::drift, test.hub().drift_events());
    }
    void end() {
        if (log) log->stop_hearing();
        log.reset();
        cursors.reset();
    }
    void crash() {
        end();
        ASSERT_TRUE(test.crash());
    }
    std::unique_ptr<LogReader> reader(std::shared_ptr<const Route> route = route_of()) {
        return std::make_unique<LogReader>(test.hub(), log, cursors, std::move(route));
    }
    void publish(std::string payload, std::string device = "d1") {
        test.hub().device_events().publish(std::make_shared<const DeviceEvent>(DeviceEvent{
            id_of(device), test.clock().now(), {{"level", "hot"}}, std::move(payload)}));
    }
    void send(int first, int count) {
        for (int i = first; i < first + count; ++i) publish(std::to_string(i));
        test.settle();
    }
    void tick(std::chrono::seconds after = 2s) {
        test.clock().advance(after);
        log->tick();
        test.settle();
    }
    std::vector<RoutedEvent> all_from(LogReader& from, ChangeCursor place) {
        std::vector<RoutedEvent> events;
        while (true) {
            auto page = test.run(from.page(place));
            EXPECT_TRUE(page) << (page ? "" : page.error().message);
            if (!page) return events;
            lost += page->lost;
            std::ranges::move(page->events, std::back_inserter(events));
            place = page->next;
            if (page->at_end) return events;
        }
    }
    std::vector<std::string> bodies_from(LogReader& from, std::uint64_t place = 1) {
        std::vector<std::string> bodies;
        for (const RoutedEvent& routed : all_from(from, {place, 0}))
            bodies.push_back(routed.event.body);
        return bodies;
    }

    TestHub test;
    std::shared_ptr<RouteCursors> cursors;
    std::shared_ptr<EventLog> log;
    std::uint64_t lost = 0;
};

TEST_F(EventLogTest, TellsWhatPassedByInItsOrder) {
    begin();
    const auto route = reader();
    int news = 0;
    const auto listening = route->listen([&news] { ++news; });
    EXPECT_EQ(route->newest(), (ChangeCursor{1, 0}));
    send(1, 3);
    EXPECT_GT(news, 0);
    EXPECT_TRUE(log->is_settled());
    EXPECT_EQ(route->newest(), (ChangeCursor{4, 0}));
    const auto events = all_from(*route, {1, 0});
    ASSERT_THAT(events, SizeIs(3));
    EXPECT_EQ(events[0].event.body, "1");
    EXPECT_EQ(events[0].event.kind, "telemetry");
    EXPECT_EQ(events[0].event.twin, id_of("d1"));
    EXPECT_EQ(events[1].after, (ChangeCursor{3, 0}));
    EXPECT_NE(events[0].event.id, events[1].event.id);
    EXPECT_THAT(bodies_from(*route, 3), ElementsAre("3"));
}

TEST_F(EventLogTest, IsTheSameAfterACrash) {
    begin();
    send(1, 3);
    const auto before = all_from(*reader(), {1, 0});
    crash();
    begin();
    send(4, 1);
    const auto route = reader();
    const auto after = all_from(*route, {1, 0});
    ASSERT_THAT(after, SizeIs(4));
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(after[i].event.id, before[i].event.id);
        EXPECT_EQ(after[i].event.body, before[i].event.body);
        EXPECT_EQ(after[i].event.at, before[i].event.at);
        EXPECT_EQ(after[i].event.system, before[i].event.system);
        EXPECT_EQ(after[i].event.application, before[i].event.application);
    }
    EXPECT_EQ(after[3].event.body, "4");
}

TEST_F(EventLogTest, ShowsNothingThatACrashWouldTake) {
    begin();
    const auto route = reader();
    test.hold();
    publish("1");
    test.settle();
    EXPECT_FALSE(log->is_settled());
    EXPECT_EQ(route->newest(), (ChangeCursor{1, 0}));
    EXPECT_THAT(bodies_from(*route), IsEmpty());
    test.release();
    test.settle();
    EXPECT_THAT(bodies_from(*route), ElementsAre("1"));
}

TEST_F(EventLogTest, AsksConditionsWithTheTwin) {
    test.create(spec_of("d1"));
    test.create(spec_of("d2"));
    ASSERT_TRUE(test.patch(id_of("d2"), R"({"tags":{"site":"EU"}})"));
    begin();
    const auto route =
        reader(route_of("r", {EventSource::messages}, "$twin.tags.site = 'EU' AND level = 'hot'"));
    publish("1", "d1");
    publish("2", "d2");
    publish("3", "d3");
    test.settle();
    auto page = test.run(route->page({1, 0}));
    ASSERT_TRUE(page);
    ASSERT_THAT(page->events, SizeIs(1));
    EXPECT_EQ(page->events[0].event.body, "2");
    EXPECT_EQ(page->undefined, 2u);
    EXPECT_EQ(page->next, (ChangeCursor{4, 0}));
}

TEST_F(EventLogTest, TriesAgainWhatTheDiskDidNotTake) {
    begin();
    const auto route = reader();
    test.engine().fail_commits(1, store::MemoryEngine::Fault::refused, 3);
    send(1, 2);
    EXPECT_FALSE(log->is_settled());
    EXPECT_THAT(bodies_from(*route), IsEmpty());
    send(3, 1);
    for (int i = 0; i < 5; ++i) tick();
    EXPECT_TRUE(log->is_settled());
    EXPECT_THAT(bodies_from(*route), ElementsAre("1", "2", "3"));
    EXPECT_EQ(lost, 0u);
}

TEST_F(EventLogTest, CountsWhatADiskThatFailsMakesItLose) {
    begin({.unwritten_max = 3});
    const auto route = reader();
    const auto other = reader(route_of("other", {EventSource::drift}));
    test.engine().fail_commits(1, store::MemoryEngine::Fault::refused, 2);
    send(1, 2);
    send(3, 4);
    for (int i = 0; i < 5; ++i) tick();
    EXPECT_THAT(bodies_from(*route), ElementsAre("1", "2", "3"));
    EXPECT_EQ(lost, 3u);
    lost = 0;
    EXPECT_THAT(bodies_from(*route), SizeIs(3));
    EXPECT_THAT(bodies_from(*other), IsEmpty());
    EXPECT_EQ(lost, 0u);  // told once, and to those alone that hear it
    send(7, 1);
    EXPECT_THAT(bodies_from(*route, 4), ElementsAre("7"));
}

TEST_F(EventLogTest, RemovesWhatAllItsRoutesHave) {
    begin();
    const auto slow = reader(route_of("slow"));
    const auto fast = reader(route_of("fast"));
    send(1, 600);
    ASSERT_TRUE(test.run(fast->save(ChangeCursor{601, 0})));
    tick(1min);
    EXPECT_EQ(log->oldest(), 1u);
    ASSERT_TRUE(test.run(slow->save(ChangeCursor{301, 0})));
    tick();
    EXPECT_EQ(log->oldest(), 301u);
    EXPECT_EQ(test.run(slow->page({300, 0})).error().code, Code::history_unavailable);
    EXPECT_THAT(bodies_from(*slow, 301), SizeIs(300));
    ASSERT_TRUE(test.run(slow->save(ChangeCursor{601, 0})));
    tick(2min);
    EXPECT_EQ(log->oldest(), 600u);  // the newest keeps the numbers
    crash();
    begin();
    EXPECT_EQ(log->oldest(), 600u);
    send(601, 1);
    const auto again = reader(route_of("slow"));
    EXPECT_EQ(again->saved(), (ChangeCursor{601, 0}));
    EXPECT_THAT(bodies_from(*again, 601), ElementsAre("601"));
}

TEST_F(EventLogTest, RemovesWhatIsOldOrTooMuch) {
    const auto rows = [this] {
        return read_events(test.engine(), 1, log->newest()).value().events.size();
    };
    begin({.age = std::chrono::hours{1}});
    auto route = reader();
    send(1, 300);
    tick(30min);
    send(301, 300);
    tick(31min);
    EXPECT_EQ(log->oldest(), 257u);  // in stretches
    tick(30min);
    EXPECT_EQ(log->oldest(), 600u);
    EXPECT_EQ(rows(), 1u);
    route.reset();
    end();
    begin({.bytes = 50'000});
    route = reader();
    send(601, 1'000);
    tick();
    EXPECT_LT(rows(), 500u);
    EXPECT_GT(rows(), 100u);
    EXPECT_EQ(bodies_from(*route, log->oldest()).back(), "1600");
}

TEST_F(EventLogTest, RefusesAPlaceThatItNeverHad) {
    begin();
    const auto route = reader();
    EXPECT_EQ(test.run(route->page({7, 0})).error().code, Code::argument_invalid);
}

TEST_F(EventLogTest, NamesTheRecordThatIsDamaged) {
    begin();
    send(1, 2);
    store::Batch batch;
    batch.put(store::Family::metadata, event_key(2), "wat");
    const store::Batch* const batches[]{&batch};
    ASSERT_TRUE(test.engine().commit(batches));
    const auto route = reader();
    const auto page = test.run(route->page({1, 0}));
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, Code::corrupted);
    EXPECT_THAT(page.error().message, ::testing::HasSubstr("metadata[u"));
}

TEST(StoredEvents, HaveAKnownForm) {
    EXPECT_EQ(event_key(0x0102030405060708), std::string("u\x01\x02\x03\x04\x05\x06\x07\x08"));
    EXPECT_EQ(parse_event_key(event_key(7)).value(), 7u);
    EXPECT_EQ(parse_event_key("u1").error().code, Code::corrupted);
}

// Whatever comes, whenever the disk fails and the machine dies: a reader that goes on from what it
// saved gets every event that was written down, in order, and what comes twice has its id.
RC_GTEST_FIXTURE_PROP(EventLogTest, NothingIsLeftOut, ()) {
    begin();
    auto route = reader();
    ChangeCursor place;
    int sent = 0;
    std::map<int, std::string> ids;
    const auto catch_up = [&] {
        for (const RoutedEvent& routed : all_from(*route, place)) {
            const int number = std::stoi(routed.event.body);
            const auto [at, is_new] = ids.emplace(number, routed.event.id);
            RC_ASSERT(at->second == routed.event.id);
            RC_ASSERT(!is_new || number == static_cast<int>(ids.size()));
            place = routed.after;
        }
    };
    const int steps = *rc::gen::inRange(1, 30);
    for (int i = 0; i < steps; ++i) {
        switch (*rc::gen::inRange(0, 6)) {
            case 0: catch_up(); break;
            case 1: (void)test.run(route->save(place)); break;
            case 2: tick(std::chrono::seconds(*rc::gen::inRange(1, 100))); break;
            case 3:
                test.engine().fail_commits(1, store::MemoryEngine::Fault::refused,
                                           *rc::gen::inRange<std::uint64_t>(1, 3));
                break;
            case 4:
                // What is not written down dies with the machine.
                for (int j = 0; j < 5 && !log->is_settled(); ++j) tick();
                route.reset();
                crash();
                begin();
                route = reader();
                place = route->saved().value_or(ChangeCursor{});
                break;
            default:
                const int count = *rc::gen::inRange(1, 400);
                send(sent + 1, count);
                sent += count;
        }
    }
    for (int j = 0; j < 5; ++j) tick();
    catch_up();
    RC_ASSERT(static_cast<int>(ids.size()) == sent);
    route.reset();
    end();
    RC_ASSERT(test.restart());
}

}  // namespace
}  // namespace twinhub::hub
