#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::hub {

// Within how many days the certificates of connected devices are counted as ending.
inline constexpr std::array expiry_horizons{std::chrono::days{7}, std::chrono::days{30}};

// What is counted about certificates and other proofs of devices.
struct CertificateMetrics {
    explicit CertificateMetrics(prometheus::Registry& registry);

    // A device that was not let in; `reason` is the `where` of the refusal, of which there are few.
    void refused(std::string_view reason);

    // When the first of each kind ends, in seconds since 1970; 0 = there is none.
    prometheus::Gauge& authority_ends;
    prometheus::Gauge& server_ends;
    prometheus::Gauge& revocation_list_due;
    prometheus::Gauge& authorities;  // believed now, those of files included
    std::array<prometheus::Gauge*, expiry_horizons.size()> expiring{};

private:
    std::vector<std::pair<std::string_view, prometheus::Counter*>> refused_;
};

}  // namespace twinhub::hub
