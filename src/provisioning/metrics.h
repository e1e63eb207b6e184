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

// What became of the challenges to devices with a TPM.
enum class ChallengeEvent : std::uint8_t {
    issued,
    repeated,   // the same question, and the same answer
    displaced,  // an open one had to go for another one of the same registration
    crowded,    // none was made: too many were open
};

// What the provisioning service counts. Made in apps/, one for each hub.
struct Metrics {
    explicit Metrics(prometheus::Registry& registry);

    void ended(Progress progress);
    void refused(Doubt doubt);
    void limited(Doorkeeper::Limit limit);
    void challenged(ChallengeEvent event);

    prometheus::Counter& crowded;      // turned away because too many were under way
    prometheus::Gauge& assigning;      // under way now
    prometheus::Histogram& seconds;    // from the proof to the result
    prometheus::Gauge& registrations;  // records
    prometheus::Counter& webhook_failures;
    prometheus::Gauge& waiting;  // for a linked hub that does not answer
    prometheus::Gauge& open_challenges;

private:
    std::array<prometheus::Counter*, 5> ended_{};
    std::array<prometheus::Counter*, doubt_count> refused_{};
    std::array<prometheus::Counter*, 3> limited_{};
    std::array<prometheus::Counter*, 4> challenged_{};
};

}  // namespace twinhub::provisioning
