#pragma once

#include "apps/config/sink_config.h"
#include "base/result.h"
#include "gateway/outgoing/outgoing.h"
#include "gateway/sinks/sink.h"

#include <memory>
#include <string>

namespace twinhub::apps {

// The sink that an item of the configuration describes, not started yet; `outgoing` is of the same
// loop. Errors: what is wrong with its secret file, or with its address.
Result<std::shared_ptr<gateway::Sink>> make_sink(const SinkConfig& config,
                                                 const std::string& hub_name,
                                                 gateway::Outgoing& outgoing,
                                                 const gateway::SinkSeams& seams);

// The secret that signs requests to the sink, without the line end that editors leave; empty when
// it has none. Errors: those of the file, argument_invalid for a short one.
Result<std::string> read_secret(const SinkConfig& config);

}  // namespace twinhub::apps
