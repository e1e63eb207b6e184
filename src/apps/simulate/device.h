#pragma once

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/task.h"
#include "gateway/tls/client_stream.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {

// How a simulated device speaks to its hub.
enum class DeviceTransport : std::uint8_t { mqtt, mqtt_ws, amqp, amqp_ws };

std::string_view name_of(DeviceTransport transport);  // mqtt, mqtt-ws, amqp, amqp-ws
// Names with commas between. Errors: argument_invalid, with the names that there are.
Result<std::vector<DeviceTransport>> parse_transports(std::string_view text);

// Who a device is to its hub.
struct DeviceLogin {
    std::string host;  // the hub's name, in the user name and the token
    TwinId id;
    std::string key;  // base64
};

// What a device's connection hands to its owner, on its loop.
struct DeviceEvents {
    std::function<void(int status, std::string_view rid, std::string_view body)> answer;
    std::function<void(const json::object& patch)> desired;
};

// One connection of a device, as the SDKs make it. Held by a shared_ptr; what it runs keeps it
// alive until close().
class DeviceClient {
public:
    virtual ~DeviceClient() = default;

    // Connects, logs in with a token of `key`, and subscribes. Errors: unavailable, unauthorized.
    virtual Task<Result<>> open(gateway::ServerEndpoint endpoint, DeviceLogin login,
                                std::uint64_t token_expiry) = 0;
    // Reads and tells events until the connection ends. Errors: unavailable, always.
    virtual Task<Result<>> run() = 0;

    virtual void get_twin(std::string_view rid) = 0;
    virtual void report(std::string_view rid, const json::object& patch) = 0;
    virtual void ping() = 0;  // says that it is still there, where the protocol has a word for it
    virtual void goodbye() = 0;  // as the protocol says it, once what waits is sent
    virtual void close() = 0;
};

// The stream below a transport, not connected yet.
std::unique_ptr<gateway::ClientStream> make_stream(DeviceTransport transport, Executor executor,
                                                   gateway::ClientTrust trust);
std::shared_ptr<DeviceClient> make_device_client(DeviceTransport transport, Executor executor,
                                                 gateway::ClientTrust trust, DeviceEvents events);

}  // namespace twinhub::apps
