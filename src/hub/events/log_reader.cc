#include "hub/events/log_reader.h"

#include "hub/hub.h"

#include <utility>

namespace twinhub::hub {

// The name of a route holds no slash: its place in the feed is under the name alone.
LogReader::LogReader(Hub& hub, std::shared_ptr<EventLog> log, std::shared_ptr<RouteCursors> cursors,
                     std::shared_ptr<const Route> route)
    : hub_(hub),
      log_(std::move(log)),
      cursors_(std::move(cursors)),
      route_(std::move(route)),
      name_(route_->settings().name + "/events"),
      losses_told_(losses()) {
    const auto place = saved();
    log_->hold(name_, place ? place->commit : log_->oldest());
}

std::uint64_t LogReader::losses() const {
    std::uint64_t losses = 0;
    for (std::size_t i = 0; i < event_sources; ++i)
        if (const auto source = static_cast<EventSource>(i); route_->hears(source))
            losses += log_->lost(source);
    return losses;
}

// The time of a condition is that of the event: whoever reads it again decides the same.
Task<Result<RoutePage>> LogReader::page(ChangeCursor from) {
    const std::uint64_t until = log_->newest();
    if (from.commit < log_->oldest())
        co_return failure(Code::history_unavailable, "Those events are no longer kept");
    if (from.commit > until)
        co_return failure(Code::argument_invalid, "There is no such event yet");
    const store::Engine& engine = hub_.shards().engine();
    CO_TRY(LoggedEvents read,
           co_await hub_.shards().off_loop<Result<LoggedEvents>>(
               [&engine, from, until] { return read_events(engine, from.commit, until); }));
    RoutePage page{.events = {}, .next = {read.next, 0}, .at_end = read.next == until};
    page.lost = losses() - std::exchange(losses_told_, losses());
    for (auto& [number, event] : read.events) {
        if (!route_->hears(event.source)) continue;
        std::optional<json::object> twin;
        if (route_->reads_twin()) twin = co_await twin_now(event.twin);
        const json::object* const shown = twin ? &*twin : nullptr;
        switch (route_->judge(event, shown, event.at)) {
            case Verdict::leaves: continue;
            case Verdict::cannot_say: ++page.undefined; continue;
            case Verdict::takes: break;
        }
        route_->project(event, shown);
        page.events.push_back({{number + 1, 0}, std::move(event)});
    }
    co_return page;
}

Task<Result<ChangeCursor>> LogReader::oldest() const { co_return ChangeCursor{log_->oldest(), 0}; }

std::shared_ptr<void> LogReader::listen(std::function<void()> news) {
    return log_->listen(std::move(news));
}

std::optional<ChangeCursor> LogReader::saved() const { return cursors_->find(name_); }

Task<Result<>> LogReader::save(ChangeCursor cursor) {
    Result<> saved = co_await cursors_->save(name_, cursor);
    if (saved) log_->hold(name_, cursor.commit);
    co_return saved;
}

Task<std::optional<json::object>> LogReader::twin_now(TwinId id) {
    const Result<TwinView> view = co_await hub_.twins().get(std::move(id));
    if (!view) co_return std::nullopt;
    co_return twin_for_routes(view->twin);
}

}  // namespace twinhub::hub
