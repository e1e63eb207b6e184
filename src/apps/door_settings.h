#pragma once

#include "apps/config/config.h"
#include "gateway/amqp/context.h"
#include "gateway/http/context.h"
#include "gateway/mqtt/context.h"
#include "hub/settings.h"

// What the configuration means for the hub and for each door.
namespace twinhub::apps {

hub::Settings hub_settings(const Config& config);
gateway::DeviceGate device_gate(const Config& config);
gateway::mqtt::MqttSettings mqtt_settings(const Config& config);
gateway::amqp::AmqpSettings amqp_settings(const Config& config);
gateway::http::HttpSettings http_settings(const Config& config);

}  // namespace twinhub::apps
