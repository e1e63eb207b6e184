#include "hub/messages/cloud_messages.h"

#include "hub/messages/message_rules.h"
#include "hub/settings.h"
#include "hub/shards.h"

namespace twinhub::hub {

Task<Result<CloudMessages::Sent>> CloudMessages::send(DeviceId device, CloudMessage message) {
    CO_TRY_VOID(check_message(message, settings_.message_bytes_max));
    // Feedback would not say what it is about.
    if (message.message_id.empty() && message.acknowledge != Acknowledge::none)
        message.message_id = random_.uuid();
    Sent sent;
    sent.message_id = message.message_id;
    Shard& shard = shards_.of(device);
    auto work = [&shard, &device, &message] {
        return shard.send(std::move(device), std::move(message));
    };
    CO_TRY(sent.sequence, co_await Shards::on(shard, std::move(work)));
    co_return sent;
}

Task<Result<std::uint64_t>> CloudMessages::purge(DeviceId device) {
    Shard& shard = shards_.of(device);
    auto work = [&shard, &device] { return shard.purge(std::move(device)); };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<std::optional<LockedMessage>>> CloudMessages::receive(DeviceId device) {
    Shard& shard = shards_.of(device);
    auto work = [&shard, &device] { return shard.receive(std::move(device)); };
    co_return co_await Shards::on(shard, std::move(work));
}

Task<Result<>> CloudMessages::settle(DeviceId device, std::string lock_token, Outcome outcome) {
    Shard& shard = shards_.of(device);
    auto work = [&shard, &device, &lock_token, outcome] {
        return shard.settle(std::move(device), std::move(lock_token), outcome);
    };
    co_return co_await Shards::on(shard, std::move(work));
}

}  // namespace twinhub::hub
