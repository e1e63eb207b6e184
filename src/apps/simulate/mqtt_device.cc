#include "apps/simulate/mqtt_device.h"

#include "apps/simulate/login.h"
#include "protocol/mqtt/topic.h"
#include "protocol/mqtt/user_name.h"

#include <fmt/format.h>

namespace twinhub::apps {

namespace mqtt = protocol::mqtt;

MqttDevice::MqttDevice(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
                       DeviceEvents events)
    : link_(std::make_shared<MqttLink>(
          std::move(executor), std::move(stream),
          [this](std::string_view topic, std::string_view payload) { take(topic, payload); })),
      events_(std::move(events)) {}

Task<Result<>> MqttDevice::open(gateway::ServerEndpoint endpoint, DeviceLogin login,
                                std::uint64_t token_expiry) {
    const auto self = shared_from_this();
    CO_TRY_VOID(co_await link_->open(std::move(endpoint), login.id.text(),
                                     mqtt::make_user_name(login.host, login.id, "twinhub-simulate"),
                                     device_token(login, token_expiry)));
    link_->send(mqtt::Subscribe{
        .packet_id = 1,
        .filters = {{"$iothub/twin/res/#", mqtt::Qos::at_most_once},
                    {"$iothub/twin/PATCH/properties/desired/#", mqtt::Qos::at_most_once}}});
    co_return Result<>{};
}

Task<Result<>> MqttDevice::run() {
    const auto self = shared_from_this();
    while (true) CO_TRY_VOID(co_await link_->read_once());
}

void MqttDevice::take(std::string_view topic, std::string_view payload) {
    const auto meaning = mqtt::parse_hub_topic(topic);
    if (!meaning) return;
    if (const auto* answer = std::get_if<mqtt::TwinResponseTopic>(&*meaning)) {
        events_.answer(answer->status, answer->rid, payload);
    } else if (std::holds_alternative<mqtt::DesiredTopic>(*meaning)) {
        const auto patch = parse_json(payload);
        if (patch && patch->is_object()) events_.desired(patch->get_object());
    }
}

void MqttDevice::get_twin(std::string_view rid) {
    const std::string topic = fmt::format("$iothub/twin/GET/?$rid={}", rid);
    link_->send(mqtt::Publish{.topic = topic, .payload = {}});
}

void MqttDevice::report(std::string_view rid, const json::object& patch) {
    const std::string topic = fmt::format("$iothub/twin/PATCH/properties/reported/?$rid={}", rid);
    const std::string payload = to_text(patch);
    link_->send(mqtt::Publish{.topic = topic, .payload = payload});
}

void MqttDevice::ping() { link_->send(mqtt::PingReq{}); }
void MqttDevice::goodbye() { link_->goodbye(); }
void MqttDevice::close() { link_->close(); }

}  // namespace twinhub::apps
