#pragma once

#include "query/plan.h"

#include <rapidcheck.h>

#include <string>

// Documents and queries that meet each other often: few names, few values, all types on one path.
namespace twinhub::query::testing {

// A twin as services see it; deviceId is `id`, a module's when `module` is not empty.
rc::Gen<json::object> any_twin(std::string id, std::string module = {});

// A condition of the extended dialect, as text; always valid.
rc::Gen<std::string> any_condition();
// Of the azure dialect.
rc::Gen<std::string> any_azure_condition();

// A whole query over devices or devices.modules; always valid.
rc::Gen<std::string> any_query(Dialect dialect);

}  // namespace twinhub::query::testing
