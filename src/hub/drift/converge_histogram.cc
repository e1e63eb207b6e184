#include "hub/drift/converge_histogram.h"

#include <cmath>

namespace twinhub::hub {
namespace {

const prometheus::Histogram::BucketBoundaries boundaries{
    1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 43200, 86400, 604800};

double quantile(const prometheus::ClientMetric::Histogram& histogram, double share) {
    const double wanted = share * static_cast<double>(histogram.sample_count);
    double below = 0;
    double from = 0;
    for (const auto& bucket : histogram.bucket) {
        const auto count = static_cast<double>(bucket.cumulative_count);
        if (std::isinf(bucket.upper_bound)) break;
        if (count >= wanted && count > below)
            return from + (bucket.upper_bound - from) * (wanted - below) / (count - below);
        below = count;
        from = bucket.upper_bound;
    }
    return from;
}

}  // namespace

ConvergeHistogram::ConvergeHistogram(prometheus::Registry& registry, const char* name,
                                     const char* help, std::string label)
    : family_(prometheus::BuildHistogram().Name(name).Help(help).Register(registry)),
      label_(std::move(label)) {}

void ConvergeHistogram::observe(std::string_view value, double seconds) {
    prometheus::Histogram* histogram = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        auto found = known_.find(value);
        if (found == known_.end()) {
            if (known_.size() >= labels_max) value = "other";
            found = known_.find(value);
        }
        if (found == known_.end())
            found = known_
                        .emplace(std::string(value),
                                 &family_.Add({{label_, std::string(value)}}, boundaries))
                        .first;
        histogram = found->second;
    }
    histogram->Observe(seconds);
}

std::optional<ConvergeHistogram::Quantiles> ConvergeHistogram::quantiles(
    std::string_view value, std::uint64_t least) const {
    const prometheus::Histogram* histogram = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = known_.find(value);
        if (found == known_.end()) return std::nullopt;
        histogram = found->second;
    }
    const prometheus::ClientMetric::Histogram now = histogram->Collect().histogram;
    if (now.sample_count < least || now.sample_count == 0) return std::nullopt;
    return Quantiles{quantile(now, 0.5), quantile(now, 0.95)};
}

}  // namespace twinhub::hub
