#include "hub/bulk/bulk_run.h"

#include "hub/shards.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>

namespace twinhub::hub {
namespace {

// Changed in one turn: a millisecond or two, so that others on the loop wait no longer than that.
constexpr std::size_t group_max = 32;

Result<> same_life(const BulkTarget& target, const State& state) {
    if (target.generation.empty() || state.identity->generation_id == target.generation) return {};
    return failure(target.id.is_module() ? Code::module_not_found : Code::device_not_found,
                   target.id.text());
}

}  // namespace

BulkRun::BulkRun(Shards& shards, const Clock& clock, Executor home, BulkWork work,
                 Outcomes outcomes)
    : shards_(shards),
      clock_(clock),
      home_(std::move(home)),
      work_(std::move(work)),
      outcomes_(std::move(outcomes)),
      sides_(shards.size()) {}

std::shared_ptr<BulkRun> BulkRun::begin(Shards& shards, const Clock& clock, Executor home,
                                        BulkWork work, Outcomes outcomes) {
    return std::shared_ptr<BulkRun>(
        new BulkRun(shards, clock, std::move(home), std::move(work), std::move(outcomes)));
}

std::size_t BulkRun::add(std::vector<BulkTarget> targets) {
    const std::size_t first = last_number_;
    for (BulkTarget& target : targets) {
        Side& side = sides_[shards_.of(target.id.device).index()];
        side.waiting.push_back({last_number_++, std::move(target)});
    }
    pump();
    return first;
}

void BulkRun::tick() { pump(); }

void BulkRun::cancel() {
    for (Side& side : sides_) side.waiting.clear();
}

std::size_t BulkRun::waiting() const {
    std::size_t count = 0;
    for (const Side& side : sides_) count += side.waiting.size();
    return count;
}

// One group for each shard in turn, so that none starves when the rate is low.
void BulkRun::pump() {
    std::size_t blocked = 0;
    while (blocked < sides_.size()) {
        const std::size_t index = next_side_;
        next_side_ = (next_side_ + 1) % sides_.size();
        Side& side = sides_[index];
        const std::size_t room =
            work_.under_way_max - std::min(side.under_way, work_.under_way_max);
        std::size_t count = std::min({side.waiting.size(), room, group_max});
        // Small groups would cost a hop for a few: what is under way makes room for whole ones.
        if (count < group_max && count < side.waiting.size() && side.under_way != 0) count = 0;
        if (count != 0 && work_.rate) count = work_.rate->take(count, clock_.monotonic());
        if (count == 0) {
            ++blocked;
            continue;
        }
        blocked = 0;
        const auto begin = side.waiting.begin();
        const auto end = begin + static_cast<std::ptrdiff_t>(count);
        Group group(std::make_move_iterator(begin), std::make_move_iterator(end));
        side.waiting.erase(begin, end);
        side.under_way += count;
        under_way_ += count;
        send(index, std::move(group));
    }
}

void BulkRun::send(std::size_t side, Group group) {
    asio::co_spawn(shards_.at(side).executor(), change(shared_from_this(), side, std::move(group)),
                   [self = shared_from_this(), side](const std::exception_ptr& thrown,
                                                     std::vector<BulkOutcome> outcomes) {
                       if (thrown) std::rethrow_exception(thrown);
                       asio::post(self->home_,
                                  [self, side, outcomes = std::move(outcomes)]() mutable {
                                      self->came(side, std::move(outcomes));
                                  });
                   });
}

// On the shard's loop.
Task<std::vector<BulkOutcome>> BulkRun::change(std::shared_ptr<BulkRun> self, std::size_t side,
                                               Group group) {
    Shard& shard = self->shards_.at(side);
    std::vector<BulkOutcome> outcomes;
    outcomes.reserve(group.size());
    const bool uncertain =
        std::ranges::any_of(group, [](const Numbered& one) { return one.target.maybe_done; });
    if (uncertain) co_await self->look_back(shard, group, outcomes);

    std::vector<TwinId> ids;
    ids.reserve(group.size());
    for (const Numbered& one : group) ids.push_back(one.target.id);
    Shard::MakeUpdate make =
        [&self, &group](std::size_t index,
                        const State& newest) -> Result<std::optional<twin::ServiceUpdate>> {
        const BulkTarget& target = group[index].target;
        TRY_VOID(same_life(target, newest));
        return self->work_.update(target.id, newest);
    };
    std::vector<Result<Shard::Changed>> changed =
        co_await shard.update_twins(std::move(ids), std::move(make), self->work_.author);
    for (std::size_t i = 0; i < group.size(); ++i) {
        BulkOutcome& outcome = outcomes.emplace_back(BulkOutcome{group[i].number, {}});
        if (!changed[i]) outcome.result = std::unexpected(std::move(changed[i]).error());
        else
            outcome.result = BulkChange{
                changed[i]->written ? BulkChange::How::written : BulkChange::How::unchanged,
                changed[i]->versions};
    }
    co_return outcomes;
}

// Takes those out of the group whose history says that the work was there before, and those whose
// history cannot be read.
Task<> BulkRun::look_back(Shard& shard, Group& group, std::vector<BulkOutcome>& outcomes) const {
    // Where each chain begins, once all of it is durable.
    std::vector<std::uint64_t> newest(group.size());
    std::vector<TwinId> ids;
    for (const Numbered& one : group) ids.push_back(one.target.id);
    Shard::MakeUpdate look = [&group, &newest](
                                 std::size_t index,
                                 const State& state) -> Result<std::optional<twin::ServiceUpdate>> {
        if (group[index].target.maybe_done && same_life(group[index].target, state))
            newest[index] = state.sequence;
        return std::optional<twin::ServiceUpdate>{};
    };
    const auto seen = co_await shard.update_twins(std::move(ids), std::move(look), work_.author);
    const ChangeMark mark{work_.author.principal, work_.author.cause, work_.since};
    using Found = std::vector<Result<std::optional<twin::Versions>>>;
    Found found = co_await shards_.off_loop<Found>([this, &group, &newest, &mark] {
        const std::shared_ptr<const store::Snapshot> snapshot = shards_.engine().snapshot();
        Found all;
        for (std::size_t i = 0; i < group.size(); ++i)
            all.push_back(done_before(snapshot, group[i].target.id, newest[i], mark));
        return all;
    });
    Group left;
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (!seen[i])  // what was seen may be lost, and with it what was not: it is not known
            outcomes.push_back({group[i].number, std::unexpected(seen[i].error())});
        else if (!found[i])
            outcomes.push_back({group[i].number, std::unexpected(found[i].error())});
        else if (*found[i])
            outcomes.push_back({group[i].number, BulkChange{BulkChange::How::before, **found[i]}});
        else left.push_back(std::move(group[i]));
    }
    group = std::move(left);
}

void BulkRun::came(std::size_t side, std::vector<BulkOutcome> outcomes) {
    sides_[side].under_way -= outcomes.size();
    under_way_ -= outcomes.size();
    outcomes_(outcomes);
    pump();
}

}  // namespace twinhub::hub
