#pragma once

#include "apps/simulate/sender.h"
#include "gateway/tls/client_stream.h"
#include "protocol/mqtt/decoder.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::apps {

// MQTT packets over a stream, from a client's side. Held by a shared_ptr; what it runs keeps it
// alive until close().
class MqttLink : public std::enable_shared_from_this<MqttLink> {
public:
    // `publish` sees each message that comes, already acknowledged.
    using Publish = std::function<void(std::string_view topic, std::string_view payload)>;
    MqttLink(Executor executor, std::unique_ptr<gateway::ClientStream> stream, Publish publish);

    // Connects and waits for the hub's answer. Errors: unavailable, unauthorized.
    Task<Result<>> open(gateway::ServerEndpoint endpoint, std::string client_id,
                        std::string user_name, std::string password);
    // Waits for some bytes and takes what is in them. Errors: unavailable, format_invalid.
    Task<Result<>> read_once();

    template <class Packet>
    void send(const Packet& packet) {
        std::string bytes;
        protocol::mqtt::encode(packet, bytes);
        send_bytes(std::move(bytes));
    }
    void goodbye();  // DISCONNECT, once what waits is sent; then closes
    void close();

private:
    void take(const protocol::mqtt::Packet& packet);
    void send_bytes(std::string bytes);

    std::unique_ptr<gateway::ClientStream> stream_;
    Sender sender_;
    Publish publish_;
    protocol::mqtt::Decoder decoder_;
    std::optional<protocol::mqtt::ConnectCode> login_code_;  // once the hub answered
    std::string reading_;
};

}  // namespace twinhub::apps
