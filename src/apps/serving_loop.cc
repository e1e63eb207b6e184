#include "apps/serving_loop.h"

#include "provisioning/limits.h"

namespace twinhub::apps {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t hub_requests_max = 256;  // to linked hubs, under way on a loop

}  // namespace

void ServingLoop::open_ways_out(const gateway::ClientTrust& trust, const Clock& clock) {
    outgoing = std::make_unique<gateway::Outgoing>(get_executor(), deadlines, clock, trust);
    to_hubs = std::make_unique<gateway::Outgoing>(
        get_executor(), deadlines, clock, trust,
        gateway::OutgoingLimits{.answer_bytes_max = provisioning::hub_answer_bytes_max,
                                .requests_max = hub_requests_max,
                                .idle_max = hub_requests_max / 8,
                                .connect = 5s,
                                .answer = 15s});
}

}  // namespace twinhub::apps
