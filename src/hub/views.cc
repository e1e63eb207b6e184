#include "hub/views.h"

namespace twinhub::hub {

twin::IdentityFacts facts_of(const Identity& identity, const Presence& presence,
                             std::string& etag) {
    etag = identity.etag();
    twin::IdentityFacts facts;
    facts.device_id = identity.id.device.text();
    facts.module_id = identity.id.module.text();
    facts.device_etag = etag;
    facts.enabled = identity.status == Status::enabled;
    facts.status_reason = identity.status_reason;
    facts.status_update_time = identity.status_updated;
    facts.connected = presence.connected;
    facts.last_activity_time = presence.last_activity;
    facts.cloud_to_device_message_count = presence.messages;
    facts.authentication_type = name_of(identity.authentication.type);
    facts.primary_thumbprint = identity.authentication.primary_thumbprint;
    facts.secondary_thumbprint = identity.authentication.secondary_thumbprint;
    facts.iot_edge = identity.iot_edge;
    facts.device_scope = identity.device_scope;
    facts.parent_scopes = identity.parent_scopes;
    facts.configurations = presence.configurations.get();
    return facts;
}

fleet::ConnectionFacts connection_facts_of(const Presence& presence) {
    return {.since = presence.connection_state_updated,
            .reason = presence.connected ? std::string_view{} : name_of(presence.session.why),
            .protocol = name_of(presence.session.protocol)};
}

void append_twin(std::string& out, const TwinView& view) {
    std::string etag;
    twin::append_service_view(out, facts_of(*view.identity, view.presence, etag), view.twin);
}

json::object document_of(const TwinView& view) {
    std::string text;
    append_twin(text, view);
    return std::move(parse_json(text).value().as_object());
}

}  // namespace twinhub::hub
