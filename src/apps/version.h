#pragma once

#include <string_view>

namespace twinhub::apps {

// The release; CMakeLists.txt says the same (tested).
inline constexpr std::string_view version = "0.1.0";

}  // namespace twinhub::apps
