#pragma once

#include "hub/views.h"

#include <string>

namespace twinhub::gateway::http {

// A twin as services read it (spec service-api 5.2).
void append_twin(std::string& out, const hub::TwinView& view);

}  // namespace twinhub::gateway::http
