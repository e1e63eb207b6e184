#include "hub/certificates/metrics.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

// The labels of refusals, from x509::Fault, judge_certificate and the doors; the last takes the
// rest.
constexpr std::string_view reasons[] = {
    "too_long",     "weak_key",           "out_of_time",    "not_trusted",    "wrong_purpose",
    "revoked",      "unknown_thumbprint", "wrong_name",     "no_certificate", "no_token",
    "bad_token",    "expired_token",      "wrong_scope",    "wrong_key",      "unknown_policy",
    "switched_off", "disabled",           "unknown_device", "other",
};

prometheus::Gauge& ends(prometheus::Registry& registry, const char* kind) {
    return prometheus::BuildGauge()
        .Name("twin_certificate_expiry_timestamp_seconds")
        .Help(
            "When the first certificate of its kind ends, or the first revocation list is due, in "
            "seconds since 1970; 0 without any")
        .Register(registry)
        .Add({{"kind", kind}});
}

}  // namespace

CertificateMetrics::CertificateMetrics(prometheus::Registry& registry)
    : authority_ends(ends(registry, "authority")),
      server_ends(ends(registry, "server")),
      revocation_list_due(ends(registry, "revocation_list")),
      authorities(prometheus::BuildGauge()
                      .Name("twin_certificate_authorities")
                      .Help("Certificate authorities whose devices are let in")
                      .Register(registry)
                      .Add({})) {
    auto& family = prometheus::BuildGauge()
                       .Name("twin_device_certificates_expiring")
                       .Help("Connected devices whose certificate ends within so many days")
                       .Register(registry);
    for (std::size_t i = 0; i < expiring.size(); ++i)
        expiring[i] = &family.Add({{"days", std::to_string(expiry_horizons[i].count())}});
    auto& refusals = prometheus::BuildCounter()
                         .Name("twin_devices_refused_total")
                         .Help("Devices that were not let in, by what was wrong with their proof")
                         .Register(registry);
    for (const std::string_view reason : reasons)
        refused_.emplace_back(reason, &refusals.Add({{"reason", std::string(reason)}}));
}

void CertificateMetrics::refused(std::string_view reason) {
    const auto found =
        std::ranges::find(refused_, reason, [](const auto& row) { return row.first; });
    (found == refused_.end() ? refused_.back() : *found).second->Increment();
}

}  // namespace twinhub::hub
