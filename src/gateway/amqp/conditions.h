#pragma once

#include "base/error.h"
#include "hub/device_door.h"
#include "protocol/amqp/condition.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::amqp {

// The symbol of an error (spec device-protocols 4.7): the AMQP side of wire_status.h.
std::string_view condition_name(Code code);

// `tracking_id` goes into the info, where the service SDKs look for it; empty = none.
protocol::amqp::Condition condition_of(const Error& error, std::string tracking_id = {});

// Why the links of an identity end.
protocol::amqp::Condition condition_of(hub::LinkEnd reason);

}  // namespace twinhub::gateway::amqp
