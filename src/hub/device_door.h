#pragma once

#include "base/ids.h"
#include "hub/author.h"
#include "hub/certificates/credential.h"
#include "hub/identity.h"
#include "hub/messages/cloud_message.h"
#include "hub/methods/method_call.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// Why the hub ends a device's connection.
enum class LinkEnd : std::uint8_t {
    taken_over,
    disabled,
    deleted,
    credentials_changed,
    shutting_down
};

// A connected device as the hub sees it; implemented by each protocol's connection. Called only on
// the loop of the device's shard.
class DeviceLink {
public:
    virtual ~DeviceLink() = default;
    // A durable desired change; `body` is the JSON of spec twin-document 11. In version order, no
    // gaps.
    virtual void desired_changed(std::uint64_t version, std::string_view body) = 0;
    // Do method `name` and answer with Shard::method_answered and the same number, on this link or
    // a later one of the identity; `payload` is JSON. Called only for a name that the link takes.
    virtual void invoke(std::uint64_t number, std::string_view name, std::string_view payload) = 0;
    // The next message, in order; takes one of the link's credit. Settle it with its lock token,
    // here or later.
    virtual void deliver(const LockedMessage& message) = 0;
    // The hub has let go of this link already: close the connection, do not detach.
    virtual void end(LinkEnd reason) = 0;
};

struct AttachFacts {
    bool clean_session = true;
    std::string model_id;  // empty = keep the stored one
    std::string client;    // peer address
    Protocol protocol = Protocol::unknown;
    std::uint8_t tls = 0;   // as Session has it
    Credential credential;  // what the link was let in for
};

struct Attached {
    bool session_present = false;
    std::uint32_t subscriptions = 0;   // restored for a clean-session-0 connect
    std::vector<std::string> methods;  // the same
};

// What a device gets back for a report: the new reported version.
using ReportDone = std::move_only_function<void(Result<std::uint64_t>)>;
// What a device gets back for a GET: the device view (spec device-protocols 2.2).
using ReadDone = std::move_only_function<void(Result<std::string_view>)>;

}  // namespace twinhub::hub
