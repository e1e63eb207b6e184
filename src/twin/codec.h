#pragma once

#include "base/result.h"
#include "twin/change.h"

#include <string>
#include <string_view>

namespace twinhub::twin {

// The stored form of twins and changes: compact, canonical (equal values give equal bytes) and led
// by a format number. The store adds length and checksum. The layout is drawn in codec.cc.
inline constexpr unsigned char twin_format = 1;
inline constexpr unsigned char change_format = 1;

void append_encoded(std::string& out, const Twin& twin);
void append_encoded(std::string& out, const Change& change);

// Safe on any bytes. Errors: corrupted with the offset; also for a format of a newer release.
Result<Twin> decode_twin(std::string_view bytes);
Result<Change> decode_change(std::string_view bytes);

}  // namespace twinhub::twin
