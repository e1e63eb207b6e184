#include "provisioning/reprovision.h"

namespace twinhub::provisioning {

bool needs_allocation(bool has_home, const ReprovisionPolicy& policy) {
    return !has_home || policy.update_hub_assignment;
}

Reprovision plan_reprovision(const Whereabouts& now, const ReprovisionPolicy& policy, bool forced) {
    if (!now.exists) return {Move::create, Substatus::initial_assignment};
    if (!policy.update_hub_assignment) return {Move::keep, now.substatus};
    const bool with_data = policy.migrate_device_data && !forced;
    if (now.same_place) {
        if (with_data) return {Move::keep, now.substatus};
        return {Move::reset, Substatus::device_data_reset};
    }
    if (with_data) return {Move::migrate, Substatus::device_data_migrated};
    return {Move::restart, Substatus::device_data_reset};
}

}  // namespace twinhub::provisioning
