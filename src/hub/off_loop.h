#pragma once

#include "base/task.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace twinhub::hub {

// Runs a plain function that may wait for the disk on the pool, and comes back with its result.
template <class Result, class Work>
Task<Result> off_loop(Executor pool, Work work) {
    auto task = [work = std::move(work)]() -> Task<Result> { co_return work(); };
    co_return co_await asio::co_spawn(pool, std::move(task), asio::use_awaitable);
}

}  // namespace twinhub::hub
