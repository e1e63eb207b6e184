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

Task<Result<Admission>> DeviceGate::admit(hub::Hub& hub, std::span<const std::string> hosts,
                                          TwinId id, DeviceProof proof) const {
    hub::Shard& shard = hub.shards().of(id.device);
    const std::shared_ptr<const x509::TrustStore> trusted = hub.trust();
    auto work = [this, &hub, &shard, hosts, id, proof, &trusted]() -> Task<Result<Admission>> {
        const auto claimant = co_await shard.claimant(id);
        if (!claimant) co_return std::unexpected(hide_absence(claimant.error()));
        const auto policies = hub.policies();
        const DeviceRules rules{.hosts = hosts,
                                .policies = *policies,
                                .authorities = *trusted,
                                .device_sas = device_sas,
                                .module_sas = module_sas,
                                .skew = sas_skew};
        co_return gateway::admit(proof, *claimant->view.identity, *claimant->device, rules,
                                 hub.clock().now());
    };
    Result<Admission> admission = co_await hub::Shards::on(shard, std::move(work));
    if (!admission && admission.error().code == Code::unauthorized)
        hub.metrics().certificates.refused(counted_as(admission.error()));
    co_return admission;
}

}  // namespace twinhub::gateway
