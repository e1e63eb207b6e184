#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "hub/messages/cloud_message.h"
#include "hub/messages/feedback.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

// How doors of all protocols write about messages to devices.
namespace twinhub::gateway {

// none, positive, negative, full: the value of `iothub-ack`.
std::string_view name_of(hub::Acknowledge acknowledge);
std::optional<hub::Acknowledge> acknowledge_named(std::string_view name);

// What a message says as its address: what its sender said, or
// `/devices/{id}/messages/devicebound`.
std::string address_of(const DeviceId& device, const hub::CloudMessage& message);

// The body of a batch of feedback (spec service-api 10.2).
std::string feedback_json(std::span<const hub::FeedbackRecord> records);

}  // namespace twinhub::gateway
