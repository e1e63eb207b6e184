#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "hub/device_door.h"
#include "hub/methods/method_call.h"
#include "hub/metrics.h"
#include "hub/settings.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace twinhub::hub {

// The method calls of a shard that wait: for their device to come, or for its answer. On the
// shard's loop; nothing of it is stored, a call ends with the process.
class MethodCalls {
public:
    struct Parts {
        const Settings& settings;
        const Clock& clock;
        Metrics& metrics;
        std::uint32_t shards = 1;  // that share the hub's limit
        // The link of an identity when it takes this method, else nullptr.
        std::function<DeviceLink*(const TwinId&, std::string_view name)> taker;
        std::function<bool(const TwinId&)> connected;
    };
    explicit MethodCalls(Parts parts) : parts_(std::move(parts)) {}

    // Checks name, times and size: what does not depend on the device. Errors: argument_invalid,
    // message_too_large.
    static Result<> check(const MethodCall& call);

    using Done = std::move_only_function<void(Result<MethodResult>)>;
    // A checked call for an identity that exists. Errors: device_not_online, gateway_timeout,
    // device_answer_invalid, throttled, timeout, and what gone() says.
    void invoke(const TwinId& id, MethodCall call, Done done);
    // The identity takes other methods than before.
    void taken_changed(const TwinId& id);
    void answered(const TwinId& id, std::uint64_t number, int status, std::string_view payload);
    // The identity was deleted: nobody will answer.
    void gone(const TwinId& id, const Error& why);
    void tick();
    // The hub ends: nobody waits here any more, and nobody begins to. Errors: unavailable.
    void stop();
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        TwinId id;
        MethodCall call;
        bool sent = false;
        Moment deadline{};
        Done done;
    };
    void send(std::uint64_t number, DeviceLink& link);
    void finish(std::uint64_t number, Metrics::MethodOutcome outcome, Result<MethodResult> result);

    Parts parts_;
    std::unordered_map<std::uint64_t, Waiting> waiting_;
    std::unordered_map<TwinId, std::vector<std::uint64_t>> of_identity_;  // numbers rise
    std::uint64_t last_number_ = 0;
    bool stopped_ = false;
};

}  // namespace twinhub::hub
