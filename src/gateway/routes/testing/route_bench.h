#pragma once

#include "base/loop.h"
#include "gateway/routes/route_runner.h"
#include "gateway/sinks/testing/sink_bench.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::gateway::testing {

// A feed or log in memory, and what a store would keep of the place in it: outlives the runners
// that a test lets die.
struct FakeFeed {
    std::vector<hub::HubEvent> events;  // commit n is events[n - 1]
    std::optional<hub::ChangeCursor> saved;
    std::vector<std::function<void()>*> listeners;
    std::uint64_t oldest = 1;
    std::size_t saves = 0;
    bool saving_fails = false;
    bool is_settled = true;
    std::uint64_t lost = 0;

    void add(std::string_view device, std::string_view kind = "updateTwin") {
        hub::HubEvent event;
        event.id = "1." + std::to_string(events.size() + 1);
        event.kind = kind;
        event.twin = {DeviceId::parse(device).value(), {}};
        event.sequence = events.size() + 1;
        event.at = BenchClock{}.now();
        event.application = {{"opType", std::string(kind)}};
        event.body = R"({"version":)" + std::to_string(event.sequence) + "}";
        events.push_back(std::move(event));
        for (std::function<void()>* listener : listeners) (*listener)();
    }
};

class FakeReader final : public hub::RouteReader {
public:
    FakeReader(FakeFeed& feed, std::shared_ptr<const hub::Route> route, std::size_t page_max = 3)
        : feed_(feed), route_(std::move(route)), page_max_(page_max) {}

    Task<Result<hub::RoutePage>> page(hub::ChangeCursor from) override {
        if (from.commit < feed_.oldest)
            co_return failure(Code::history_unavailable, "That is no longer kept");
        hub::RoutePage page;
        std::uint64_t at = from.commit;
        for (; at <= feed_.events.size() && page.events.size() < page_max_; ++at) {
            hub::HubEvent event = feed_.events[at - 1];
            if (route_->judge(event, nullptr, {}) == hub::Verdict::takes)
                page.events.push_back({{at + 1, 0}, std::move(event)});
        }
        page.next = {at, 0};
        page.lost = std::exchange(feed_.lost, 0);
        page.at_end = at > feed_.events.size();
        co_return page;
    }
    hub::ChangeCursor newest() const override { return {feed_.events.size() + 1, 0}; }
    Task<Result<hub::ChangeCursor>> oldest() const override {
        co_return hub::ChangeCursor{feed_.oldest, 0};
    }
    std::shared_ptr<void> listen(std::function<void()> news) override {
        auto* const listener = new std::function<void()>(std::move(news));
        feed_.listeners.push_back(listener);
        return std::shared_ptr<void>(listener, [this, listener](void*) {
            std::erase(feed_.listeners, listener);
            delete listener;
        });
    }
    std::optional<hub::ChangeCursor> saved() const override { return feed_.saved; }
    Task<Result<>> save(hub::ChangeCursor cursor) override {
        if (feed_.saving_fails) co_return failure(Code::unavailable, "the disk is full");
        ++feed_.saves;
        feed_.saved = cursor;
        co_return Result<>{};
    }
    bool is_settled() const override { return feed_.is_settled; }

private:
    FakeFeed& feed_;
    std::shared_ptr<const hub::Route> route_;
    std::size_t page_max_;
};

// A receiver that answers what the test says, and remembers what it took.
class FakeRouteSink final : public RouteSink {
public:
    explicit FakeRouteSink(std::size_t events_max = 2) : events_max_(events_max) {}

    Task<Handed> deliver(EventBatch events) override {
        ++attempts;
        Handed answer;
        if (judge) answer = judge(*events);
        else if (!answers.empty()) {
            answer = answers.front();
            answers.pop_front();
        }
        const bool is_done = answer.outcome == Handed::Outcome::done;
        for (const hub::HubEvent& event : *events) {
            seen.push_back(event.id);
            if (is_done) taken.push_back(event);
        }
        co_return answer;
    }
    std::size_t events_max() const override { return events_max_; }
    void stop() override { stopped = true; }

    std::vector<std::string> ids() const {
        std::vector<std::string> all;
        for (const hub::HubEvent& event : taken) all.push_back(event.id);
        return all;
    }

    std::size_t events_max_;
    std::deque<Handed> answers;
    std::function<Handed(const std::vector<hub::HubEvent>&)> judge;
    std::vector<hub::HubEvent> taken;
    std::vector<std::string> seen;  // also what was refused
    std::size_t attempts = 0;
    bool stopped = false;
};

struct RouteBench : SinkBench {
    RouteSeams route_seams() {
        return {.executor = loop.get_executor(),
                .deadlines = deadlines,
                .clock = clock,
                .random = random,
                .log = log,
                .metrics = route_metrics};
    }
    static std::shared_ptr<const hub::Route> route_of(std::vector<hub::EventSource> sources,
                                                      std::string condition = {}) {
        return std::make_shared<const hub::Route>(
            hub::Route::make({.name = "r",
                              .sources = std::move(sources),
                              .condition = std::move(condition),
                              .project = {},
                              .sink = "s",
                              .dead_letter = {}})
                .value());
    }
    std::shared_ptr<RouteRunner> runner_of(std::shared_ptr<const hub::Route> route,
                                           RouteOptions options = {}) {
        RouteReaders readers;
        if (route->is_recorded()) readers.changes = std::make_unique<FakeReader>(feed, route);
        if (route->is_passing()) readers.events = std::make_unique<FakeReader>(events_log, route);
        return std::make_shared<RouteRunner>(
            route, std::move(readers), sink,
            std::vector<std::shared_ptr<RouteSink>>{dead_sink, grave}, options, route_seams());
    }

    RouteMetrics route_metrics{registry};
    FakeFeed feed;
    FakeFeed events_log;
    std::shared_ptr<FakeRouteSink> sink = std::make_shared<FakeRouteSink>();
    std::shared_ptr<FakeRouteSink> dead_sink = std::make_shared<FakeRouteSink>();
    std::shared_ptr<FakeRouteSink> grave = std::make_shared<FakeRouteSink>();
};

}  // namespace twinhub::gateway::testing
