#include "hub/history/density.h"

#include "hub/history/change_walk.h"
#include "hub/shards.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

constexpr std::size_t looked_at_max = 20'000;

struct Mark {
    Instant at{};
    std::array<bool, 3> parts{};
    bool identity = false;
};

// May wait for the disk. Newest first.
Result<std::vector<Mark>> marks_of(const store::Engine& engine, const TwinId& id) {
    const ChangeLog log(engine.snapshot(), id);
    TRY(const ChangeLog::Present present, log.present());
    ChangeWalk walk(log, present);
    std::vector<Mark> marks;
    while (marks.size() < looked_at_max) {
        TRY(const std::optional<KeptChange> change, walk.next());
        if (!change) break;
        Mark& mark = marks.emplace_back(Mark{.at = change->record.at});
        mark.identity = change->record.kind != ChangeKind::twin;
        for (const twin::Part part : twin::parts)
            mark.parts[static_cast<std::size_t>(part)] =
                !mark.identity && change->record.change.part(part).has_value();
    }
    return marks;
}

}  // namespace

Task<Result<std::vector<DensityBucket>>> density_of(Hub& hub, TwinId id, std::size_t buckets) {
    Shards& shards = hub.shards();
    auto read = [&shards, id] { return marks_of(shards.engine(), id); };
    CO_TRY(const std::vector<Mark> marks,
           co_await shards.off_loop<Result<std::vector<Mark>>>(std::move(read)));
    std::vector<DensityBucket> all;
    if (marks.empty()) co_return all;
    const Instant from =
        std::ranges::min(marks, {}, &Mark::at).at;  // the clock may have been set back
    const Instant to = std::max(hub.clock().now(), from) + Ticks{1};
    const auto count = static_cast<std::int64_t>(buckets);
    const Ticks width{((to - from).count() + count - 1) / count};
    all.resize(buckets);
    for (std::size_t i = 0; i < buckets; ++i) {
        all[i].from = from + width * static_cast<std::int64_t>(i);
        all[i].to = std::min(all[i].from + width, to);
    }
    for (const Mark& mark : marks) {
        const auto place = static_cast<std::size_t>(
            std::clamp<std::int64_t>((mark.at - from) / width, 0, count - 1));
        for (std::size_t part = 0; part < mark.parts.size(); ++part)
            all[place].parts[part] += mark.parts[part] ? 1U : 0U;
        all[place].identity += mark.identity ? 1U : 0U;
    }
    std::erase_if(all, [](const DensityBucket& bucket) { return bucket.empty(); });
    co_return all;
}

}  // namespace twinhub::hub
