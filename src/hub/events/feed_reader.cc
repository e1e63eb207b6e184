#include "hub/events/feed_reader.h"

#include "hub/changes/change_page.h"
#include "hub/changes/changes.h"
#include "hub/events/change_events.h"

namespace twinhub::hub {
namespace {

constexpr std::size_t changes_max = 2'000;               // of a page
constexpr std::size_t bytes_max = std::size_t{2} << 20;  // as stored

constexpr std::size_t further_changes_max = 20'000;  // read for the twins of a page

}  // namespace

FeedReader::FeedReader(Hub& hub, Executor loop, std::shared_ptr<RouteCursors> cursors,
                       std::shared_ptr<const Route> route)
    : hub_(hub),
      loop_(std::move(loop)),
      cursors_(std::move(cursors)),
      route_(std::move(route)),
      twins_(std::make_shared<TwinsAfter>()) {}

// On the pool. The time of a condition is that of the change: whoever reads it again decides the
// same.
Result<RoutePage> FeedReader::read(ChangeCursor from) {
    const std::shared_ptr<const store::Snapshot> snapshot = hub_.shards().engine().snapshot();
    ChangesRequest request;
    request.from = from;
    request.changes_max = changes_max;
    request.bytes_max = bytes_max;
    TRY(const ChangesPage changes, read_changes(snapshot, request));
    RoutePage page{.events = {}, .next = changes.next, .at_end = changes.at_end};
    const std::size_t read_before = twins_->read();
    bool is_cut = false;
    for (const FeedChange& told : changes.changes) {
        if (twins_->read() - read_before >= further_changes_max) {
            is_cut = true;  // the rest comes with the next page
            page.at_end = false;
            break;
        }
        page.next = told.after;
        const KeptChange& change = told.change;
        const auto source = event_source_of(change.record);
        if (!source || !route_->hears(*source)) continue;
        std::optional<twin::Twin> after;
        if (route_->reads_twin() || needs_twin(change.record)) {
            TRY(after, twins_->after(snapshot, change));
        }
        TRY(HubEvent event, event_of(change.record, change.sequence, hub_.settings().name,
                                     after ? &*after : nullptr));
        std::optional<json::object> twin;
        if (route_->reads_twin() && after) twin = twin_for_routes(*after);
        const json::object* const shown = twin ? &*twin : nullptr;
        switch (route_->judge(event, shown, change.record.at)) {
            case Verdict::leaves: continue;
            case Verdict::cannot_say: ++page.undefined; continue;
            case Verdict::takes: break;
        }
        route_->project(event, shown);
        page.events.push_back({told.after, std::move(event)});
    }
    if (!is_cut) page.next = changes.next;
    return page;
}

Task<Result<RoutePage>> FeedReader::page(ChangeCursor from) {
    co_return co_await hub_.shards().off_loop<Result<RoutePage>>(
        [this, from] { return read(from); });
}

ChangeCursor FeedReader::newest() const { return hub_.changes().newest(); }

Task<Result<ChangeCursor>> FeedReader::oldest() const {
    co_return co_await hub_.changes().oldest();
}

std::shared_ptr<void> FeedReader::listen(std::function<void()> news) {
    return std::shared_ptr<Changes::Subscription>(hub_.changes().listen(loop_, std::move(news)));
}

std::optional<ChangeCursor> FeedReader::saved() const {
    return cursors_->find(route_->settings().name);
}

Task<Result<>> FeedReader::save(ChangeCursor cursor) {
    co_return co_await cursors_->save(route_->settings().name, cursor);
}

}  // namespace twinhub::hub
