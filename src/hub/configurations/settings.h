#pragma once

#include <chrono>
#include <cstdint>

namespace twinhub::hub {

// Automatic device configurations (spec service-api 9).
struct ConfigurationSettings {
    std::uint32_t count_max = 100;
    std::uint32_t metrics_max = 5;  // custom ones, of each
    std::chrono::milliseconds metrics_every = std::chrono::minutes{5};
    // What leaves a twin with a configuration: what it set and nobody else sets, where the twin
    // still has the value. A twin leaves it when its condition no longer holds,
    bool remove_on_untarget = true;
    // or when the configuration is deleted.
    bool remove_on_delete = false;
    bool strict_content = false;  // refuse a new content instead of keeping the first one
};

}  // namespace twinhub::hub
