// What rollouts write beside the twins (rollouts/).
#include "hub/shard.h"

namespace twinhub::hub {

void Shard::put_beside(std::string_view key, std::string_view value) {
    queue_.batch().put(store::Family::metadata, key, value);
}

Task<Result<>> Shard::put_records(std::vector<std::pair<std::string, std::string>> records) {
    for (const auto& [key, value] : records) put_beside(key, value);
    co_return co_await settled();
}

}  // namespace twinhub::hub
