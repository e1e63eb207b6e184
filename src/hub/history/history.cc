#include "hub/history/history.h"

#include "hub/shards.h"

namespace twinhub::hub {
namespace {

constexpr std::size_t looked_at_max = 20'000;                 // changes, by one page
constexpr std::size_t page_bytes_max = std::size_t{4} << 20;  // of stored changes
constexpr int attempts_max = 5;  // of a restore that other writers get ahead of

std::unexpected<Error> not_found(const TwinId& id) {
    return failure(id.is_module() ? Code::module_not_found : Code::device_not_found, id.text());
}

// May wait for the disk.
Result<HistoryPage> read_page(const store::Engine& engine, const TwinId& id,
                              const HistoryRequest& request) {
    const ChangeLog log(engine.snapshot(), id);
    HistoryPage page;
    TRY(page.oldest_kept, log.forgotten_before());
    std::optional<ChangeWalk> walk;
    bool known = true;
    if (request.before) {
        TRY(walk, ChangeWalk::before(log, *request.before));
    } else {
        TRY(const ChangeLog::Present present, log.present());
        known = present.state.exists;
        walk.emplace(log, present);
    }
    std::size_t bytes = 0;
    for (std::size_t looked = 0;; ++looked) {
        TRY(std::optional<KeptChange> change, walk->next());
        if (!change) break;
        known = true;
        const std::uint64_t sequence = change->sequence;
        const bool wanted = (!request.until || change->record.at <= *request.until) &&
                            matches(change->record, request.filter);
        if (wanted) {
            bytes += change->bytes;
            page.changes.push_back(std::move(*change));
        }
        if (page.changes.size() >= request.limit || bytes >= page_bytes_max ||
            looked + 1 >= looked_at_max) {
            page.next = sequence;
            return page;
        }
    }
    if (!known) return not_found(id);
    return page;
}

}  // namespace

Task<Result<HistoryPage>> History::page(TwinId id, HistoryRequest request) {
    Shards& shards = hub_.shards();
    co_return co_await shards.off_loop<Result<HistoryPage>>(
        [&shards, &id, &request] { return read_page(shards.engine(), id, request); });
}

Task<Result<TwinThen>> History::at(TwinId id, PastPoint point) {
    if (point.by == PastPoint::By::time && point.at > hub_.clock().now())
        co_return failure(Code::argument_invalid,
                          format_instant(point.at) + " is still to come: history is of the past",
                          "at");
    Shards& shards = hub_.shards();
    co_return co_await shards.off_loop<Result<TwinThen>>([&shards, &id, &point] {
        return twin_then(ChangeLog(shards.engine().snapshot(), id), point);
    });
}

Task<Result<TwinView>> History::restore(TwinId id, PastPoint point, RestoreScope scope,
                                        twin::Match match, Author author) {
    CO_TRY(const TwinThen then, co_await at(id, point));
    author.cause = Cause::rollback;
    for (int attempt = 1;; ++attempt) {
        CO_TRY(const TwinView now, co_await hub_.twins().get(id));
        // What differs is only known for what was just read: what others write meanwhile must not
        // be undone unseen.
        const std::string etag = now.twin.etag();
        CO_TRY(twin::ServiceUpdate update, restoring_update(now.twin, then.twin, scope));
        twin::Match exact = match.matches(etag) ? twin::Match::one_of({etag}) : match;
        Result<TwinView> written =
            co_await hub_.twins().update(id, std::move(update), std::move(exact), author);
        const bool overtaken = !written && written.error().code == Code::precondition_failed &&
                               match.matches(etag) && attempt < attempts_max;
        if (!overtaken) co_return written;
    }
}

}  // namespace twinhub::hub
