#pragma once

#include "hub/configurations/configurations.h"

#include <string>

namespace twinhub::gateway::http {

// A configuration as services see it (spec service-api 9.2). `results` may be nullptr: then nothing
// has been counted yet.
void append_configuration(std::string& out, const hub::Configuration& configuration,
                          const hub::MetricResults* results);
void append_condition_test(std::string& out, const hub::ConditionTest& tested);
void append_effect(std::string& out, const hub::ConfigurationEffect& effect);

}  // namespace twinhub::gateway::http
