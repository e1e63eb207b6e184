#include "hub/twins.h"

#include "base/encoding.h"
#include "hub/shards.h"

namespace twinhub::hub {

namespace {

// The ids of a page, in key order, and where the next one begins.
struct IdPage {
    std::vector<TwinId> ids;
    std::string next_key;  // empty on the last page
};

// May wait for the disk.
Result<IdPage> scan_ids(store::Engine& engine, bool modules, const std::string& from,
                        std::size_t limit) {
    IdPage page;
    const auto cursor =
        engine.scan(store::Family::identities, store::Range{.from = from, .to = {}});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        auto id = store::parse_twin_key(cursor->key());
        if (!id)
            return failure(Code::corrupted, "An identity has a damaged key",
                           "identities/" + store::printable(cursor->key()));
        if (id->is_module() != modules) continue;
        if (page.ids.size() == limit) {
            page.next_key = cursor->key();
            return page;
        }
        page.ids.push_back(std::move(*id));
    }
    TRY_VOID(cursor->status());
    return page;
}

}  // namespace

Task<Result<TwinView>> Twins::get(TwinId id) {
    Shard& shard = shards_.of(id.device);
    if (std::optional<TwinView> view = shard.shown_view(id)) co_return std::move(*view);
    auto work = [&shard, &id] { return shard.view(std::move(id)); };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<TwinView>> Twins::update(TwinId id, twin::ServiceUpdate update, twin::Match match,
                                     Author author) {
    Shard& shard = shards_.of(id.device);
    auto work = [&shard, &id, &update, &match, &author] {
        return shard.update_twin(std::move(id), std::move(update), std::move(match),
                                 std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<TwinView>> Twins::reset(TwinId id, twin::ServiceUpdate initial, Author author) {
    Shard& shard = shards_.of(id.device);
    auto work = [&shard, &id, &initial, &author] {
        return shard.reset_twin(std::move(id), std::move(initial), std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<TwinPage>> Twins::page(Collection collection, std::string cursor, std::size_t limit) {
    const std::optional<std::string> from = hex_decode(cursor);
    if (!from)
        co_return failure(Code::argument_invalid, "The continuation token is not one of ours");
    const bool modules = collection == Collection::modules;
    CO_TRY(IdPage ids, co_await shards_.off_loop<Result<IdPage>>([this, modules, &from, limit] {
        return scan_ids(shards_.engine(), modules, *from, limit);
    }));
    // One visit to each loop; a twin deleted meanwhile leaves a gap that is closed.
    std::vector<std::optional<TwinView>> views(ids.ids.size());
    for (std::size_t index = 0; index < shards_.size(); ++index) {
        Shard& shard = shards_.at(index);
        auto fill = [&shard, &ids, &views]() -> Task<> {
            for (std::size_t i = 0; i < ids.ids.size(); ++i) {
                if (!shard.owns(slot_of(ids.ids[i].device))) continue;
                Result<TwinView> view = co_await shard.view(ids.ids[i]);
                if (view) views[i] = std::move(*view);
            }
        };
        co_await Shards::on(shard, std::move(fill));
    }
    TwinPage page;
    for (std::optional<TwinView>& view : views)
        if (view) page.twins.push_back(std::move(*view));
    page.cursor = hex_encode(ids.next_key);
    co_return page;
}

}  // namespace twinhub::hub
