#pragma once

#include "base/ids.h"
#include "base/random.h"
#include "base/task.h"
#include "hub/messages/cloud_message.h"

#include <cstdint>
#include <optional>
#include <string>

namespace twinhub::hub {

class Shards;
struct Settings;

// Messages to devices as services send them, and as a device takes them that has no link. Callable
// on any loop; an answer is durable. A device with a link takes them through its shard.
class CloudMessages {
public:
    CloudMessages(Shards& shards, const Settings& settings, Random& random)
        : shards_(shards), settings_(settings), random_(random) {}

    struct Sent {
        std::string message_id;  // made up when the sender wants feedback and gave none
        std::uint64_t sequence = 0;
    };
    // Puts a message behind those that wait for the device. Errors: device_not_found,
    // argument_invalid (with the member), message_too_large, message_queue_full, unavailable.
    Task<Result<Sent>> send(DeviceId device, CloudMessage message);

    // Ends all messages of the device, those in its hands too; how many there were. Errors:
    // device_not_found, unavailable.
    Task<Result<std::uint64_t>> purge(DeviceId device);

    // Locks the oldest message that waits for the device; nothing when there is none. Errors:
    // device_not_found, corrupted, internal.
    Task<Result<std::optional<LockedMessage>>> receive(DeviceId device);
    // Errors: message_lock_lost, unavailable.
    Task<Result<>> settle(DeviceId device, std::string lock_token, Outcome outcome);

private:
    Shards& shards_;
    const Settings& settings_;
    Random& random_;
};

}  // namespace twinhub::hub
