#include "apps/simulate/device.h"

#include "apps/client/web_socket_client.h"
#include "apps/simulate/amqp_device.h"
#include "apps/simulate/mqtt_device.h"
#include "gateway/tls/client.h"

#include <algorithm>
#include <array>

namespace twinhub::apps {
namespace {

struct Named {
    DeviceTransport transport;
    std::string_view name;
};
constexpr std::array transports{
    Named{DeviceTransport::mqtt, "mqtt"},
    Named{DeviceTransport::mqtt_ws, "mqtt-ws"},
    Named{DeviceTransport::amqp, "amqp"},
    Named{DeviceTransport::amqp_ws, "amqp-ws"},
};

}  // namespace

std::string_view name_of(DeviceTransport transport) {
    return std::ranges::find(transports, transport, &Named::transport)->name;
}

Result<std::vector<DeviceTransport>> parse_transports(std::string_view text) {
    std::vector<DeviceTransport> chosen;
    while (!text.empty()) {
        const std::string_view name = text.substr(0, text.find(','));
        text.remove_prefix(std::min(name.size() + 1, text.size()));
        const auto* const found = std::ranges::find(transports, name, &Named::name);
        if (found == transports.end()) {
            std::string known;
            for (const Named& one : transports) {
                if (!known.empty()) known += ", ";
                known += one.name;
            }
            return failure(Code::argument_invalid,
                           "'" + std::string(name) + "' is no transport; there are " + known);
        }
        chosen.push_back(found->transport);
    }
    if (chosen.empty()) return failure(Code::argument_invalid, "names no transport");
    return chosen;
}

std::unique_ptr<gateway::ClientStream> make_stream(DeviceTransport transport, Executor executor,
                                                   gateway::ClientTrust trust) {
    switch (transport) {
        case DeviceTransport::mqtt_ws:
            return std::make_unique<WebSocketClient>(std::move(executor), std::move(trust), "mqtt");
        case DeviceTransport::amqp_ws:
            return std::make_unique<WebSocketClient>(std::move(executor), std::move(trust),
                                                     "AMQPWSB10");
        case DeviceTransport::mqtt:
        case DeviceTransport::amqp: break;
    }
    return std::make_unique<gateway::TlsClient>(std::move(executor), std::move(trust));
}

std::shared_ptr<DeviceClient> make_device_client(DeviceTransport transport, Executor executor,
                                                 gateway::ClientTrust trust, DeviceEvents events) {
    auto stream = make_stream(transport, executor, std::move(trust));
    if (transport == DeviceTransport::amqp || transport == DeviceTransport::amqp_ws)
        return std::make_shared<AmqpDevice>(executor, std::move(stream), std::move(events));
    return std::make_shared<MqttDevice>(executor, std::move(stream), std::move(events));
}

}  // namespace twinhub::apps
