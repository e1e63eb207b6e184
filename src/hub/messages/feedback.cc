#include "hub/messages/feedback.h"

#include "hub/shards.h"

#include <algorithm>
#include <atomic>

namespace twinhub::hub {
namespace {

constexpr std::size_t batch_records_max = 100;

}  // namespace

Task<Result<std::optional<FeedbackBatch>>> Feedback::receive() {
    FeedbackBatch batch;
    batch.lock_token = random_.uuid();
    // Another loop comes first each time, so that none of them waits behind the others for ever.
    const std::size_t first = first_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        if (batch.records.size() >= batch_records_max) break;
        Shard& shard = shards_.at((first + i) % shards_.size());
        auto take = [&shard, &batch]() -> Task<> {
            shard.feedback().lock(batch, batch_records_max - batch.records.size());
            co_return;
        };
        co_await Shards::on(shard, std::move(take));
    }
    if (batch.records.empty()) co_return std::optional<FeedbackBatch>{};
    std::ranges::sort(batch.records, {}, &FeedbackRecord::at);
    co_return std::optional<FeedbackBatch>(std::move(batch));
}

Task<Result<>> Feedback::settle(std::string lock_token, Outcome outcome) {
    std::atomic<bool> found = false;
    auto work = [&found, &lock_token, outcome](Shard& shard, std::size_t) -> Task<Result<>> {
        const Result<> settled =
            co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
                [&shard, &lock_token, outcome](auto handler) {
                    shard.feedback().settle(
                        lock_token, outcome,
                        [h = std::move(handler)](const Result<>& result) mutable {
                            std::move(h)(result);
                        });
                },
                asio::use_awaitable);
        if (!settled && settled.error().code == Code::message_lock_lost) co_return Result<>{};
        found = true;
        co_return settled;
    };
    CO_TRY_VOID(co_await shards_.on_all(std::move(work)));
    if (!found) co_return failure(Code::message_lock_lost, "The lock is not held (any more)");
    co_return Result<>{};
}

}  // namespace twinhub::hub
