#pragma once

#include "base/json.h"
#include "base/result.h"
#include "twin/twin.h"

#include <string>

// Twins on their way from one hub to another (spec twin-document 10).
namespace twinhub::twin {

// A twin as it moves: without its counters and the model that the device announced.
Twin moved(const Twin& twin);

// The user's sections with the times at which they were written; the counters begin again, and no
// model is announced. `view`: a twin as services read it (spec service-api 5.2); where it has no
// $metadata, `otherwise` is the time. Errors: argument_invalid with the path.
Result<Twin> parse_moved(const json::object& view, Instant otherwise);

// The members `tags` and `properties` of an object, as parse_moved() reads them.
void append_moved(std::string& out, const Twin& twin);

}  // namespace twinhub::twin
