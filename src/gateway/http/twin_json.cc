#include "gateway/http/twin_json.h"

#include "gateway/http/identity_json.h"
#include "twin/view.h"

namespace twinhub::gateway::http {

void append_twin(std::string& out, const hub::TwinView& view) {
    const hub::Identity& identity = *view.identity;
    const std::string etag = identity.etag();
    twin::IdentityFacts facts;
    facts.device_id = identity.id.device.text();
    facts.module_id = identity.id.module.text();
    facts.device_etag = etag;
    facts.enabled = identity.status == hub::Status::enabled;
    facts.status_reason = identity.status_reason;
    facts.status_update_time = identity.status_updated;
    facts.connected = view.presence.connected;
    facts.last_activity_time = view.presence.last_activity;
    facts.authentication_type = name_of(identity.authentication.type);
    facts.primary_thumbprint = identity.authentication.primary_thumbprint;
    facts.secondary_thumbprint = identity.authentication.secondary_thumbprint;
    facts.iot_edge = identity.iot_edge;
    facts.device_scope = identity.device_scope;
    facts.parent_scopes = identity.parent_scopes;
    twin::append_service_view(out, facts, view.twin);
}

}  // namespace twinhub::gateway::http
