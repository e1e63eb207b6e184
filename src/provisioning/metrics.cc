#include "provisioning/metrics.h"

#include "provisioning/names.h"

namespace twinhub::provisioning {
namespace {

auto& counters(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
auto& gauges(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

// Up to what a webhook may take.
const prometheus::Histogram::BucketBoundaries bounds{0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                     0.1,   0.5,   1,     5,    30};

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : crowded(counters(registry, "twinhub_provisioning_crowded_total",
                       "Registrations turned away because too many were under way")
                  .Add({})),
      assigning(gauges(registry, "twinhub_provisioning_assigning",
                       "Registrations whose hub is being found now")
                    .Add({})),
      seconds(prometheus::BuildHistogram()
                  .Name("twinhub_provisioning_seconds")
                  .Help("From the proof of a device to the result of its registration")
                  .Register(registry)
                  .Add({}, bounds)),
      registrations(gauges(registry, "twinhub_provisioning_registration_records",
                           "Registration ids that proved themselves once")
                        .Add({})),
      webhook_failures(counters(registry, "twinhub_provisioning_webhook_failures_total",
                                "Custom allocations that gave no hub")
                           .Add({})),
      waiting(gauges(registry, "twinhub_provisioning_waiting",
                     "Registrations that wait for a linked hub that does not answer")
                  .Add({})),
      open_challenges(
          gauges(registry, "twinhub_provisioning_challenges_open",
                 "Challenges to TPMs that are held; those whose time is over go with the next one")
              .Add({})) {
    auto& by_result = counters(registry, "twinhub_provisioning_registrations_total",
                               "Registrations, by how they ended");
    for (std::size_t i = 0; i < ended_.size(); ++i)
        ended_[i] = &by_result.Add({{"result", std::string(name_of(static_cast<Progress>(i)))}});
    auto& by_reason = counters(registry, "twinhub_provisioning_refused_total",
                               "Proofs of devices that were refused, by the reason");
    for (std::size_t i = 1; i < refused_.size(); ++i)
        refused_[i] = &by_reason.Add({{"reason", std::string(name_of(static_cast<Doubt>(i)))}});
    auto& by_limit = counters(registry, "twinhub_provisioning_limited_total",
                              "Requests turned away unheard, by the limit that was reached");
    for (std::size_t i = 0; i < limited_.size(); ++i)
        limited_[i] = &by_limit.Add({{"limit", std::array{"address", "all", "registration"}[i]}});
    auto& by_event = counters(registry, "twinhub_provisioning_challenges_total",
                              "Challenges to TPMs, by what became of the request for one");
    for (std::size_t i = 0; i < challenged_.size(); ++i)
        challenged_[i] = &by_event.Add(
            {{"result", std::array{"issued", "repeated", "displaced", "crowded"}[i]}});
}

void Metrics::ended(Progress progress) { ended_[static_cast<std::size_t>(progress)]->Increment(); }
void Metrics::refused(Doubt doubt) { refused_[static_cast<std::size_t>(doubt)]->Increment(); }
void Metrics::challenged(ChallengeEvent event) {
    challenged_[static_cast<std::size_t>(event)]->Increment();
}
void Metrics::limited(Doorkeeper::Limit limit) {
    limited_[static_cast<std::size_t>(limit)]->Increment();
}

}  // namespace twinhub::provisioning
