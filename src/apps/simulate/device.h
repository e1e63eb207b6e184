#pragma once

#include "apps/client/tls_client.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "protocol/mqtt/decoder.h"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::apps {

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

// One connection of a device: MQTT 3.1.1 over TLS as the SDKs do it (spec device-protocols 1, 2).
// Held by a shared_ptr; what it runs keeps it alive until close().
class DeviceClient : public std::enable_shared_from_this<DeviceClient> {
public:
    DeviceClient(Executor executor, TrustStore trust, DeviceEvents events);

    // Connects, logs in with a token of `key`, and subscribes. Errors: unavailable, unauthorized.
    Task<Result<>> open(Endpoint endpoint, DeviceLogin login, std::uint64_t token_expiry);

    // Reads and tells events until the connection ends. Errors: unavailable, always.
    Task<Result<>> run();

    void get_twin(std::string_view rid);
    void report(std::string_view rid, const json::object& patch);
    void ping();
    void goodbye();  // DISCONNECT, once what waits is sent
    void close();

private:
    Task<Result<>> read_once();
    void take(const protocol::mqtt::Packet& packet);
    void take_publish(std::string_view topic, std::string_view payload);
    void send(std::string bytes);
    Task<> flush();

    Executor executor_;
    TlsClient tls_;
    DeviceEvents events_;
    protocol::mqtt::Decoder decoder_;
    std::deque<std::string> unsent_;
    bool writing_ = false;
    bool closing_ = false;
    std::optional<protocol::mqtt::ConnectCode> login_code_;  // once the hub answered
    std::string reading_;
};

}  // namespace twinhub::apps
