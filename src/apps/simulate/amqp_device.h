#pragma once

#include "apps/simulate/device.h"
#include "apps/simulate/sender.h"
#include "protocol/amqp/client.h"

#include <memory>
#include <string>

namespace twinhub::apps {

// A device over AMQP 1.0 (spec device-protocols 4): a token on $cbs, then the links of its twin.
class AmqpDevice final : public DeviceClient, public std::enable_shared_from_this<AmqpDevice> {
public:
    AmqpDevice(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
               DeviceEvents events);

    Task<Result<>> open(gateway::ServerEndpoint endpoint, DeviceLogin login,
                        std::uint64_t token_expiry) override;
    Task<Result<>> run() override;
    void get_twin(std::string_view rid) override;
    void report(std::string_view rid, const json::object& patch) override;
    void ping() override;
    void goodbye() override;
    void close() override;

private:
    using Client = protocol::amqp::Client;

    Task<Result<>> put_token(const DeviceLogin& login, std::uint64_t token_expiry);
    Task<Result<>> attach_twin(const DeviceLogin& login);
    // Proton forgets what is sent on a link that is not attached yet.
    Task<Result<>> await_credit(const Client::Link& link);
    Task<Result<>> read_once();
    void take_twin_messages();
    void ask(std::string_view operation, std::string_view resource, std::string_view id,
             std::string body);
    void send();

    std::unique_ptr<gateway::ClientStream> stream_;
    Sender sender_;
    DeviceEvents events_;
    std::unique_ptr<Client> client_;
    Client::Link* twin_requests_ = nullptr;
    Client::Link* twin_answers_ = nullptr;
    std::string reading_;
};

}  // namespace twinhub::apps
