#pragma once

#include "provisioning/attest.h"
#include "provisioning/doorkeeper.h"
#include "provisioning/registration.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>

namespace twinhub::provisioning {

// What the provisioning service counts. Made in apps/, one for each hub.
struct Metrics {
    explicit Metrics(prometheus::Registry& registry);

    void ended(Progress progress);
    void refused(Doubt doubt);
    void limited(Doorkeeper::Limit limit);

    prometheus::Counter& crowded;      // turned away because too many were under way
    prometheus::Gauge& assigning;      // under way now
    prometheus::Histogram& seconds;    // from the proof to the result
    prometheus::Gauge& registrations;  // records
    prometheus::Counter& webhook_failures;
    prometheus::Gauge& waiting;  // for a linked hub that does not answer

private:
    std::array<prometheus::Counter*, 5> ended_{};
    std::array<prometheus::Counter*, doubt_count> refused_{};
    std::array<prometheus::Counter*, 3> limited_{};
};

}  // namespace twinhub::provisioning
