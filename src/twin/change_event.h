#pragma once

#include "twin/change.h"

#include <string>
#include <string_view>

namespace twinhub::twin {

// The body of updateTwin (spec twin-document 12), from the record of the change alone: `version`
// and what was written of each part, null where a key was taken away, with `$metadata` of exactly
// the nodes that were written, and `$version`. Neither ids nor etag.
void append_update_body(std::string& out, const Change& change);

// The body of replaceTwin and of lifecycle events: who it is, etag, version and all sections.
void append_whole_body(std::string& out, std::string_view device_id, std::string_view module_id,
                       const Twin& twin);

}  // namespace twinhub::twin
