#include "gateway/device_gate.h"

#include "hub/shards.h"

namespace twinhub::gateway {
namespace {

// A stranger does not learn which ids there are.
Error hide_absence(Error error) {
    if (error.code == Code::device_not_found || error.code == Code::module_not_found)
        return {Code::unauthorized, error.message, std::string(counted_as(error))};
    return error;
}

}  // namespace

Result<Admission> DeviceGate::judge(const hub::Hub& hub, std::span<const std::string> hosts,
                                    const hub::Claimant& claimant, const DeviceProof& proof,
                                    const Superiors* superiors) const {
    const auto policies = hub.policies();
    const auto authorities = hub.trust();
    const DeviceRules rules{.hosts = hosts,
                            .policies = *policies,
                            .authorities = *authorities,
                            .device_sas = device_sas,
                            .module_sas = module_sas,
                            .skew = sas_skew};
    const hub::Identity& identity = *claimant.view.identity;
    const Instant now = hub.clock().now();
    Result<Admission> admission = gateway::admit(proof, identity, *claimant.device, rules, now);
    if (!admission && superiors != nullptr)
        admission = admit_on_behalf(proof, identity, *claimant.device, *superiors, rules, now);
    return admission;
}

Task<Result<Admission>> DeviceGate::admit(hub::Hub& hub, std::span<const std::string> hosts,
                                          TwinId id, DeviceProof proof) const {
    hub::Shard& shard = hub.shards().of(id.device);
    auto work = [this, &hub, &shard, hosts, id, proof]() -> Task<Result<Admission>> {
        const auto claimant = co_await shard.claimant(id);
        if (!claimant) co_return std::unexpected(hide_absence(claimant.error()));
        co_return judge(hub, hosts, *claimant, proof);
    };
    Result<Admission> admission = co_await hub::Shards::on(shard, std::move(work));
    if (!admission && admission.error().code == Code::unauthorized)
        hub.metrics().certificates.refused(counted_as(admission.error()));
    co_return admission;
}

}  // namespace twinhub::gateway
