// The hub on real threads, and hubs that end in the middle of everything. The sanitizers judge.
#include "hub/testing/test_hub.h"
#include "query/compile.h"

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <future>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;

// A server without doors: loops on threads, a pool, a committer with its thread.
class Server {
public:
    explicit Server(std::size_t count, Settings settings = {}) {
        log_.configure(LogLevel{static_cast<std::uint8_t>(LogLevel::error) + 1}, Log::Format::text);
        std::vector<Executor> executors;
        for (std::size_t i = 0; i < count; ++i) {
            loops_.push_back(std::make_unique<Loop>());
            executors.emplace_back(loops_.back()->get_executor());
        }
        hub_ =
            std::move(Hub::open(std::move(settings), Seams{engine_, clock_, random_, log_, metrics_,
                                                           executors, pool_.get_executor()})
                          .value());
        for (const auto& loop : loops_)
            threads_.emplace_back([&context = *loop] {
                const auto work = asio::make_work_guard(context);
                context.run();
            });
    }
    ~Server() {
        stop();
        hub_.reset();
        discard_all(loops_);
    }
    void stop() {
        for (const auto& loop : loops_) loop->stop();
        threads_.clear();
        pool_.join();
    }

    Hub& hub() { return *hub_; }
    bool create(const std::string& device) {
        return begin(0, hub_->registry().create(spec_of(device), author_of())).get().has_value();
    }
    // Made on both loops in turn.
    std::vector<std::string> create_some(std::size_t count) {
        std::vector<std::string> devices;
        for (std::size_t i = 0; i < count; ++i) {
            devices.push_back(device_on(i % 2, 2, static_cast<int>(i)));
            EXPECT_TRUE(create(devices.back()));
        }
        return devices;
    }
    TestClock& clock() { return clock_; }
    store::MemoryEngine& engine() { return engine_; }
    Loop& loop(std::size_t index) { return *loops_[index % loops_.size()]; }
    std::size_t size() const { return loops_.size(); }

    template <class T>
    std::future<T> begin(std::size_t on, Task<T> task) {
        return asio::co_spawn(loop(on), std::move(task), asio::use_future);
    }

private:
    store::MemoryEngine engine_;
    TestClock clock_;
    SeededRandom random_;
    Log log_;
    prometheus::Registry prometheus_;
    Metrics metrics_{prometheus_};
    asio::thread_pool pool_{2};
    std::vector<std::unique_ptr<Loop>> loops_;
    std::unique_ptr<Hub> hub_;
    std::vector<std::jthread> threads_;
};

// What one client of the hub does: all of it on devices that others touch too.
Task<int> client(Hub& hub, int number, int rounds) {
    int done = 0;
    for (int i = 0; i < rounds; ++i) {
        const std::string device = "d" + std::to_string((number + i) % 5);
        const auto made = co_await hub.registry().create(spec_of(device), author_of());
        done += made.has_value();
        const auto module = co_await hub.registry().create(spec_of(device, "m"), author_of());
        done += module.has_value();
        twin::ServiceUpdate update =
            patch_of(R"({"tags":{"n":1},"properties":{"desired":{"a":{"b":2}}}})");
        const auto patched =
            co_await hub.twins().update(id_of(device), std::move(update), {}, author_of());
        done += patched.has_value();
        const auto page = co_await hub.twins().page(Twins::Collection::devices, "", 3);
        done += page.has_value();
        const auto counts = co_await hub.registry().statistics();
        done += counts.has_value();
        std::vector<BulkItem> items(3);
        for (std::size_t n = 0; n < items.size(); ++n) {
            items[n].spec = spec_of("bulk" + std::to_string(n) + "-" + std::to_string(number));
            items[n].mode = i % 2 == 0 ? ImportMode::create : ImportMode::remove;
            items[n].match = twin::Match::any();
        }
        const auto errors = co_await hub.registry().bulk(std::move(items), author_of());
        done += errors.empty();
        if (i % 3 == 2) {
            const auto removed =
                co_await hub.registry().remove(id_of(device), twin::Match::any(), author_of());
            done += removed.has_value();
        }
    }
    co_return done;
}

TEST(Threads, ManyClientsOnManyLoopsShareOneHub) {
    Server server(3, Settings{.cached_twins_max = 3, .checkpoint_age = 1ms});
    std::vector<std::future<int>> clients;
    for (int i = 0; i < 6; ++i)
        clients.push_back(server.begin(static_cast<std::size_t>(i), client(server.hub(), i, 12)));
    std::atomic<bool> over = false;
    std::jthread ticker([&] {
        while (!over) {
            server.clock().advance(100ms);
            std::vector<std::future<void>> ticks;
            for (std::size_t i = 0; i < server.size(); ++i)
                ticks.push_back(asio::post(
                    server.loop(i),
                    asio::use_future([&hub = server.hub(), i] { hub.shards().at(i).tick(); })));
            for (auto& tick : ticks) tick.get();
        }
    });
    // Pages, counts and each client's own bulk items succeed whatever the others do.
    for (auto& each : clients) EXPECT_GE(each.get(), 12 * 3);
    over = true;
    ticker.join();
    asio::co_spawn(server.loop(0), server.hub().drain(), asio::use_future).get();
    const Past past = read_past(server.engine());
    EXPECT_EQ(past.wrong, "");
    const Statistics counts = recount(server.engine());
    EXPECT_EQ(past.twins.size(), counts.devices_enabled + counts.modules);
    const auto shown = server.begin(0, server.hub().registry().statistics()).get();
    EXPECT_EQ(shown->devices_enabled, counts.devices_enabled);
    EXPECT_EQ(shown->modules, counts.modules);
}

TEST(Threads, DevicesReportOnTheirOwnLoops) {
    Server server(2);
    static constexpr int reports = 200;
    const std::vector<std::string> devices = server.create_some(4);
    ASSERT_FALSE(HasFailure());
    std::vector<std::future<void>> finished;
    for (const std::string& device : devices) {
        auto done = std::make_shared<std::promise<void>>();
        finished.push_back(done->get_future());
        Shard& shard = server.hub().shards().of(id_of(device).device);
        asio::post(shard.executor(), [&shard, device, done] {
            auto left = std::make_shared<int>(reports);
            for (int i = 0; i < reports; ++i)
                shard.report(id_of(device), report_of(R"({"n":)" + std::to_string(i) + "}"), {},
                             author_of(),
                             [left, done, expected = static_cast<std::uint64_t>(i) + 2](
                                 const Result<std::uint64_t>& version) {
                                 EXPECT_TRUE(version && *version == expected);
                                 if (--*left == 0) done->set_value();
                             });
        });
    }
    for (auto& each : finished) each.get();
    EXPECT_EQ(read_past(server.engine()).wrong, "");
}

TEST(Threads, WhatIsAcknowledgedIsSeenOnEveryLoop) {
    Server server(2);
    const std::string device = device_on(0, 2, 0);
    ASSERT_TRUE(server.create(device));
    const auto writer = [](Hub& hub, std::string id) -> Task<int> {
        int wrong = 0;
        for (int i = 0; i < 200; ++i) {
            twin::ServiceUpdate update =
                patch_of(R"({"properties":{"desired":{"n":)" + std::to_string(i) + "}}}");
            const auto made =
                co_await hub.twins().update(id_of(id), std::move(update), {}, author_of());
            const auto seen = co_await hub.twins().get(id_of(id));
            wrong += !made || !seen || seen->twin.versions.desired < made->twin.versions.desired;
        }
        co_return wrong;
    };
    std::vector<std::future<int>> writers;
    for (std::size_t loop = 0; loop < 2; ++loop)
        for (int i = 0; i < 3; ++i)
            writers.push_back(server.begin(loop, writer(server.hub(), device)));
    for (auto& each : writers) EXPECT_EQ(each.get(), 0);
    const auto last = server.begin(1, server.hub().twins().get(id_of(device))).get();
    EXPECT_EQ(last->twin.versions.desired, 1u + 6 * 200);
}

// Follows tags.n of one device until it is `last`, coming back now and then. How often a change was
// missed or told twice: each raises the version by one.
Task<int> follower(Hub& hub, std::string device, int last) {
    const auto plan = std::make_shared<const query::Plan>(
        query::compile("SELECT tags.n FROM devices WHERE NOT deviceId = 'x'").value());
    int wrong = 0;
    int n = -1;
    std::uint64_t version = 0;
    std::string token;
    const std::string key = live_key(device, "");
    while (n != last) {
        auto opened = hub.live_queries().open({plan, "p", token});
        wrong += !opened;
        for (int i = 0; i < 5 && n != last; ++i) {
            const auto events = co_await (*opened)->next(1000);
            if (!events) break;
            for (const LiveEvent& event : *events) {
                token = event.token;
                const json::value data = parse_json(event.data).value();
                const auto look = [&](const json::value& entry, bool first) {
                    if (to_text(entry.at("key")) != key) return;
                    const auto next = entry.at("version").to_number<std::uint64_t>();
                    wrong += !first && next != version + 1;
                    version = next;
                    if (const json::value* value = entry.at("row").as_object().if_contains("n"))
                        n = value->to_number<int>();
                };
                if (event.kind == LiveEvent::Kind::snapshot)
                    for (const json::value& row : data.at("rows").as_array()) look(row, true);
                else look(data, false);
            }
        }
    }
    co_return wrong;
}

Task<int> tag_writer(Hub& hub, std::string device, int last) {
    int wrong = 0;
    for (int i = 0; i <= last; ++i) {
        twin::ServiceUpdate update = patch_of(R"({"tags":{"n":)" + std::to_string(i) + "}}");
        const auto made =
            co_await hub.twins().update(id_of(device), std::move(update), {}, author_of());
        wrong += !made;
    }
    co_return wrong;
}

TEST(Threads, LiveQueriesMissNothingAndTellNothingTwice) {
    Server server(2);
    const std::vector<std::string> devices = server.create_some(4);
    ASSERT_FALSE(HasFailure());
    std::vector<std::future<int>> all;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        all.push_back(server.begin(i / 2, follower(server.hub(), devices[i], 150)));
        all.push_back(server.begin(i / 2, tag_writer(server.hub(), devices[i], 150)));
    }
    for (auto& each : all) EXPECT_EQ(each.get(), 0);
}

TEST(TheEnd, OfALiveServerCutsOffLiveQueries) {
    for (int i = 0; i < 10; ++i) {
        Server server(2);
        const std::string device = device_on(0, 2);
        ASSERT_TRUE(server.create(device));
        std::vector<std::future<int>> all;
        for (std::size_t n = 0; n < 4; ++n)
            all.push_back(server.begin(n, follower(server.hub(), device, 1'000'000)));
        if (i % 2 == 0) all.push_back(server.begin(1, tag_writer(server.hub(), device, 1'000'000)));
        ASSERT_TRUE(server.begin(0, tag_writer(server.hub(), device, i)).get() == 0);
    }
}

TEST(TheEnd, MayComeInTheMiddleOfEverything) {
    for (const int turns : {0, 1, 2, 3, 5, 8, 13, 21}) {
        for (const bool held : {false, true}) {
            TestHub hub(Settings{.checkpoint_age = 1ms}, 3);
            hub.create(spec_of("d1"));
            hub.create(spec_of("d2"));
            ASSERT_TRUE(hub.restart(3));
            hub.engine().set_cold(true);
            if (held) hub.hold();
            TestLink link;
            std::vector<Answer<int>> clients;
            for (int i = 0; i < 4; ++i) clients.push_back(hub.begin(client(hub.hub(), i, 3)));
            const auto rotated = hub.begin(hub.registry().regenerate_keys(
                {id_of("d1"), id_of("d2")}, KeyChoice::both, author_of()));
            const auto report = hub.begin_report(id_of("d1"), R"({"a":1})");
            const auto read = hub.begin_read(id_of("d2"));
            for (int i = 0; i < turns; ++i) hub.turn();
            ASSERT_TRUE(hub.crash(2));
            const Past past = read_past(hub.engine());
            EXPECT_EQ(past.wrong, "");
            EXPECT_EQ(wrong_with(hub), "");
        }
    }
}

TEST(TheEnd, OfALiveServerCutsOffWhatIsUnderWay) {
    for (int i = 0; i < 10; ++i) {
        Server server(2);
        std::vector<std::future<int>> clients;
        for (int n = 0; n < 4; ++n)
            clients.push_back(
                server.begin(static_cast<std::size_t>(n), client(server.hub(), n, 1000)));
        ASSERT_TRUE(server.begin(0, server.hub().registry().statistics()).get());
    }
}

// Sends, takes and reads feedback of devices that others do the same with.
Task<int> messenger(Hub& hub, std::vector<std::string> devices, int number, int rounds) {
    int told = 0;
    for (int i = 0; i < rounds; ++i) {
        const DeviceId device =
            id_of(devices[static_cast<std::size_t>(number + i) % devices.size()]).device;
        CloudMessage message;
        message.message_id = std::to_string(number) + "." + std::to_string(i);
        message.acknowledge = Acknowledge::full;
        (void)co_await hub.cloud_messages().send(device, std::move(message));
        const auto locked = co_await hub.cloud_messages().receive(device);
        if (locked && *locked) {
            const Outcome outcome = i % 5 == 0 ? Outcome::abandon : Outcome::complete;
            std::string token = (*locked)->lock_token;
            (void)co_await hub.cloud_messages().settle(device, std::move(token), outcome);
        }
        if (i % 7 == 6) (void)co_await hub.cloud_messages().purge(device);
        MethodCall call{.name = "nobody-takes-it"};
        (void)co_await hub.methods().invoke(TwinId{device, {}}, std::move(call), author_of());
        const auto batch = co_await hub.feedback().receive();
        if (!batch || !*batch) continue;
        std::string token = (*batch)->lock_token;
        const auto settled = co_await hub.feedback().settle(std::move(token), Outcome::complete);
        if (settled) told += static_cast<int>((*batch)->records.size());
    }
    co_return told;
}

TEST(Threads, EveryMessageEndsOnceAndIsToldOnce) {
    Server server(2, {.message_deliveries_max = 1000});
    const std::vector<std::string> devices = server.create_some(4);
    constexpr int clients = 6;
    constexpr int rounds = 30;
    std::vector<std::future<int>> running;
    for (int number = 0; number < clients; ++number)
        running.push_back(server.begin(static_cast<std::size_t>(number),
                                       messenger(server.hub(), devices, number, rounds)));
    int told = 0;
    for (auto& each : running) told += each.get();
    for (const std::string& device : devices)
        (void)server.begin(0, server.hub().cloud_messages().purge(id_of(device).device)).get();
    while (true) {
        const auto batch = server.begin(0, server.hub().feedback().receive()).get();
        ASSERT_TRUE(batch);
        if (!*batch) break;
        told += static_cast<int>((*batch)->records.size());
        ASSERT_TRUE(
            server.begin(1, server.hub().feedback().settle((*batch)->lock_token, Outcome::complete))
                .get());
    }
    EXPECT_EQ(told, clients * rounds);
}

TEST(Threads, AHubMayEndWhileMethodsAndMessagesAreUnderWay) {
    for (int i = 0; i < 10; ++i) {
        Server server(2);
        const std::vector<std::string> devices = server.create_some(3);
        std::vector<std::future<int>> running;
        for (int number = 0; number < 4; ++number)
            running.push_back(server.begin(static_cast<std::size_t>(number),
                                           messenger(server.hub(), devices, number, 1000)));
        MethodCall call{.name = "late", .connect_timeout = 30s};
        const auto waits = server.begin(
            0, server.hub().methods().invoke(id_of(devices[0]), std::move(call), author_of()));
        int woken = 0;
        std::unique_ptr<FeedbackSignal::Subscription> waiting;
        asio::post(server.loop(0), [&] {
            waiting = server.hub().feedback().listen(server.loop(0).get_executor(),
                                                     [&woken] { ++woken; });
        });
        (void)server.begin(1, server.hub().cloud_messages().purge(id_of(devices[1]).device)).get();
        server.stop();
        waiting.reset();
    }
}

}  // namespace
}  // namespace twinhub::hub
