#pragma once

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

// How long devices took to converge, apart by the value of one label. Labels are bounded: what
// comes beyond is "other". Any thread.
class ConvergeHistogram {
public:
    static constexpr std::size_t labels_max = 100;

    ConvergeHistogram(prometheus::Registry& registry, const char* name, const char* help,
                      std::string label);

    void observe(std::string_view value, double seconds);

    // What a share of those that were measured stayed below, about: between the bounds of its
    // bucket in proportion. Nothing: fewer than `least` were measured, or the value has no label of
    // its own.
    struct Quantiles {
        double p50 = 0;
        double p95 = 0;
    };
    std::optional<Quantiles> quantiles(std::string_view value, std::uint64_t least) const;

private:
    prometheus::Family<prometheus::Histogram>& family_;
    std::string label_;
    mutable std::mutex mutex_;
    std::map<std::string, prometheus::Histogram*, std::less<>> known_;
};

}  // namespace twinhub::hub
