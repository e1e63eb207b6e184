#pragma once

#include "twin/drift/state.h"

#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace twinhub::hub {

// What is measured of drift: twins and properties by state, and how long devices take to converge,
// by property and by the value of a tag. Labels are bounded: what comes beyond is "other".
class ConvergeMetrics {
public:
    static constexpr std::size_t labels_max = 100;

    explicit ConvergeMetrics(prometheus::Registry& registry);

    void twins(twin::drift::State state, std::int64_t by);
    void properties(twin::drift::State state, std::int64_t by);
    void property_converged(std::string_view path, double seconds);
    // `tag`: the value of the tag that the settings name, "" where a twin has none.
    void twin_converged(std::string_view tag, double seconds);

private:
    struct ByLabel {
        prometheus::Family<prometheus::Histogram>* family = nullptr;
        std::string label;
        std::mutex mutex;  // any loop
        std::map<std::string, prometheus::Histogram*, std::less<>> known{};

        void observe(std::string_view value, double seconds);
    };
    std::array<prometheus::Gauge*, twin::drift::state_count> twins_{};
    std::array<prometheus::Gauge*, twin::drift::state_count> properties_{};
    ByLabel by_property_;
    ByLabel by_tag_;
};

}  // namespace twinhub::hub
