#pragma once

#include "base/ids.h"
#include "hub/messages/cloud_message.h"
#include "protocol/amqp/message.h"

namespace twinhub::gateway::amqp {

// A message to a device as AMQP carries it (spec device-protocols 4.6).
protocol::amqp::Message cloud_message(const DeviceId& device, const hub::LockedMessage& message);

// What a service sends (service-api 10.4). Its recipient is in `to`. Errors: argument_invalid.
Result<hub::CloudMessage> read_cloud_message(const protocol::amqp::Message& message, Instant now);

// A lock token as the 16 bytes of a delivery's tag.
std::string tag_of(std::string_view lock_token);

}  // namespace twinhub::gateway::amqp
