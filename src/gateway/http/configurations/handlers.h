#pragma once

#include "gateway/http/handlers.h"

namespace twinhub::gateway::http {

// Automatic device configurations (spec service-api 9, docs/configurations.md).
Task<Result<>> list_configurations(Call& call);
Task<Result<>> get_configuration(Call& call);
Task<Result<>> put_configuration(Call& call);
Task<Result<>> delete_configuration(Call& call);
Task<Result<>> test_configuration_queries(Call& call);
Task<Result<>> configuration_effect(Call& call);
Task<Result<>> apply_configuration_content(Call& call);

}  // namespace twinhub::gateway::http
