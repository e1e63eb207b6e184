#include "hub/methods/methods.h"

#include "hub/methods/method_calls.h"
#include "hub/shards.h"

namespace twinhub::hub {

Task<Result<MethodResult>> Methods::invoke(TwinId id, MethodCall call, Author author) {
    CO_TRY_VOID(MethodCalls::check(call));
    Shard& shard = shards_.of(id.device);
    auto work = [&shard, &id, &call, &author] {
        return shard.invoke(std::move(id), std::move(call), std::move(author));
    };
    co_return co_await Shards::on(shard, std::move(work));
}

}  // namespace twinhub::hub
