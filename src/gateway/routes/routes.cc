#include "gateway/routes/routes.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace twinhub::gateway {
namespace {

constexpr std::chrono::seconds look_every{2};

}  // namespace

Routes::Routes(std::shared_ptr<hub::EventLog> log, RouteSeams seams)
    : log_(std::move(log)), seams_(std::move(seams)) {}

Routes::~Routes() = default;

void Routes::add(std::shared_ptr<const hub::Route> route, RouteReaders readers,
                 std::shared_ptr<RouteSink> sink, std::vector<std::shared_ptr<RouteSink>> graves,
                 RouteOptions options) {
    auto runner = std::make_shared<RouteRunner>(route, std::move(readers), std::move(sink),
                                                std::move(graves), options, seams_);
    entries_.push_back({std::move(route), std::move(runner)});
}

void Routes::add_disabled(std::shared_ptr<const hub::Route> route) {
    entries_.push_back({std::move(route), nullptr});
}

void Routes::start() {
    for (const Entry& entry : entries_)
        if (entry.runner) entry.runner->start();
    if (!entries_.empty()) seams_.deadlines.schedule(*this, seams_.clock.monotonic() + look_every);
}

void Routes::expired(Moment now) {
    for (const Entry& entry : entries_)
        if (entry.runner) entry.runner->show_lag();
    log_->tick();
    seams_.deadlines.schedule(*this, now + look_every);
}

void Routes::finish() {
    for (const Entry& entry : entries_)
        if (entry.runner) entry.runner->finish();
}

void Routes::stop() {
    cancel();
    log_->stop_hearing();
    for (const Entry& entry : entries_)
        if (entry.runner) entry.runner->stop();
    for (const auto& sink : sinks_) sink->stop();
}

bool Routes::is_finished() const {
    return std::ranges::all_of(
        entries_, [](const Entry& entry) { return !entry.runner || entry.runner->is_finished(); });
}

Task<std::vector<Routes::Report>> Routes::report() {
    auto work = [this]() -> Task<std::vector<Report>> {
        std::vector<Report> reports;
        for (const Entry& entry : entries_) {
            Report report{.route = entry.route, .state = {}};
            if (entry.runner) report.state = entry.runner->state();
            else report.state.name = entry.route->settings().name;
            reports.push_back(std::move(report));
        }
        co_return reports;
    };
    co_return co_await asio::co_spawn(seams_.executor, std::move(work), asio::use_awaitable);
}

std::vector<Routes::Trial> Routes::test(const hub::HubEvent& event, const json::object* twin,
                                        Instant now) const {
    std::vector<Trial> trials;
    for (const Entry& entry : entries_) {
        if (!entry.route->hears(event.source)) continue;
        hub::HubEvent copy = event;
        Trial trial{
            .route = entry.route, .verdict = entry.route->judge(copy, twin, now), .body = {}};
        if (trial.verdict == hub::Verdict::takes) {
            entry.route->project(copy, twin);
            trial.body = copy.body;
        }
        trials.push_back(std::move(trial));
    }
    return trials;
}

}  // namespace twinhub::gateway
