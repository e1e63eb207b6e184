#include "hub/events/route_cursors.h"

#include "hub/changes/changes.h"
#include "hub/commit_queue.h"
#include "hub/streams.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr store::Format cursor_format = 1;

}  // namespace

RouteCursors::RouteCursors(Hub& hub, Executor loop)
    : hub_(hub),
      queue_(std::make_unique<CommitQueue>(std::move(loop), hub.committer(),
                                           stream_of(Work::routes, hub.shards().size()),
                                           hub.clock(), hub.metrics(), [](const Error&) {})) {}

RouteCursors::~RouteCursors() = default;

// Body: the cursor as clients keep it, which names the feed that it is of.
Result<std::shared_ptr<RouteCursors>> RouteCursors::open(Hub& hub, Executor loop) {
    std::shared_ptr<RouteCursors> cursors(new RouteCursors(hub, std::move(loop)));
    const auto rows =
        hub.shards().engine().scan(Family::metadata, store::area_range(store::Area::route));
    for (rows->seek_first(); rows->valid(); rows->next()) {
        TRY(const store::Opened opened,
            store::open(store::Kind::route, cursor_format, "metadata", rows->key(), rows->value()));
        const auto cursor = hub.changes().parse(opened.body);
        // A store that was restored from elsewhere: the route begins anew.
        if (cursor) cursors->cursors_.emplace(rows->key().substr(1), *cursor);
    }
    TRY_VOID(rows->status());
    return cursors;
}

std::optional<ChangeCursor> RouteCursors::find(const std::string& route) const {
    const auto found = cursors_.find(route);
    if (found == cursors_.end()) return std::nullopt;
    return found->second;
}

Task<Result<>> RouteCursors::save(std::string route, ChangeCursor cursor) {
    const std::string key = store::metadata_key(store::Area::route, route);
    const std::string value =
        store::sealed(store::Kind::route, cursor_format, key, hub_.changes().text(cursor));
    queue_->batch().put(Family::metadata, key, value);
    const Result<> saved =
        co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<>)>(
            [this](auto handler) {
                queue_->on_settled([handler = std::move(handler)](const Result<>& result) mutable {
                    std::move(handler)(result);
                });
            },
            asio::use_awaitable);
    if (saved) cursors_.insert_or_assign(std::move(route), cursor);
    co_return saved;
}

}  // namespace twinhub::hub
