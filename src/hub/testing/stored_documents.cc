#include "hub/testing/stored_documents.h"

#include "base/encoding.h"
#include "hub/configurations/applied.h"
#include "hub/configurations/configuration.h"
#include "hub/record.h"
#include "hub/slot_facts.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>
#include <map>

namespace twinhub::hub::testing {
namespace {

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value == nullptr || !value->is_string() ? std::string()
                                                   : std::string(value->get_string());
}
Instant time_of(const json::object& object, std::string_view name) {
    return parse_instant(text_of(object, name)).value();
}
const json::object& object_of(const json::object& object, std::string_view name) {
    static const json::object none;
    const json::value* value = object.if_contains(name);
    return value == nullptr ? none : value->as_object();
}
std::uint64_t number_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value == nullptr ? 0 : value->to_number<std::uint64_t>();
}

// A value with the metadata that stands beside it; tags have none.
twin::Node node_of(const json::value& value, const json::object* metadata) {
    twin::Stamp stamp;
    if (metadata)
        stamp = {time_of(*metadata, "$lastUpdated"), number_of(*metadata, "$lastUpdatedVersion")};
    if (!value.is_object()) return {value, stamp};
    std::vector<twin::Member> members;
    for (const auto& [key, member] : value.get_object()) {
        if (key.starts_with('$')) continue;
        members.push_back({std::string(key),
                           node_of(member, metadata ? &metadata->at(key).as_object() : nullptr)});
    }
    std::ranges::sort(members, {}, &twin::Member::key);
    return {twin::make_object(std::move(members)), stamp};
}

twin::Node section_of(const json::object& section) {
    const json::value* metadata = section.if_contains("$metadata");
    return node_of(section, metadata ? &metadata->as_object() : nullptr);
}

// The counter in a twin's etag: eight bytes, the highest first.
std::uint64_t etag_number(const std::string& etag) {
    std::uint64_t number = 0;
    const std::string bytes = base64_decode(etag).value();
    for (const char byte : bytes) number = number << 8U | static_cast<unsigned char>(byte);
    return number;
}

AuthenticationType type_named(std::string_view name) {
    return name == "selfSigned"             ? AuthenticationType::self_signed
           : name == "certificateAuthority" ? AuthenticationType::certificate_authority
           : name == "none"                 ? AuthenticationType::none
                                            : AuthenticationType::sas;
}

// One that is for these twins, all devices or all modules, and wants nothing of them.
Configuration configuration_of(const std::string& id, const std::vector<TwinId>& twins) {
    Configuration made;
    made.id = id;
    made.revision = 1;
    const bool modules = twins.front().is_module();
    made.content.kind = modules ? ContentKind::module : ContentKind::device;
    made.content.source[name_of(made.content.kind)] = json::object{};
    if (modules) made.target_condition = "from devices.modules where ";
    for (const TwinId& twin : twins) {
        if (&twin != &twins.front()) made.target_condition += " or ";
        made.target_condition += "(deviceId = '" + twin.device.text() + "'";
        if (modules) made.target_condition += " and moduleId = '" + twin.module.text() + "'";
        made.target_condition += ")";
    }
    return made;
}

// Records of one family in the order of their keys.
using Records = std::map<std::string, std::string>;

void add(Records& records, std::string key, store::Kind kind, store::Format format,
         const std::string& body) {
    std::string value;
    store::seal(kind, format, key, body, value);
    records.emplace(std::move(key), std::move(value));
}

Result<> load(store::Engine& engine, store::Family family, const Records& records) {
    auto next = records.begin();
    return engine.ingest(family, [&]() -> Result<std::optional<store::Entry>> {
        if (next == records.end()) return std::optional<store::Entry>();
        const auto& [key, value] = *next++;
        return store::Entry{.key = key, .value = value};
    });
}

}  // namespace

StoredDocument stored_document(const json::object& document) {
    StoredDocument stored;
    Identity& identity = stored.identity;
    identity.id.device = DeviceId::parse(text_of(document, "deviceId")).value();
    if (const std::string module = text_of(document, "moduleId"); !module.empty())
        identity.id.module = ModuleId::parse(module).value();
    identity.generation_id = "1";
    identity.etag_number = std::stoull(base64_decode(text_of(document, "deviceEtag")).value());
    identity.status = text_of(document, "status") == "enabled" ? Status::enabled : Status::disabled;
    identity.status_reason = text_of(document, "statusReason");
    identity.status_updated = time_of(document, "statusUpdateTime");
    identity.authentication.type = type_named(text_of(document, "authenticationType"));
    const json::object& thumbprints = object_of(document, "x509Thumbprint");
    identity.authentication.primary_thumbprint = text_of(thumbprints, "primaryThumbprint");
    identity.authentication.secondary_thumbprint = text_of(thumbprints, "secondaryThumbprint");
    const json::value* edge = object_of(document, "capabilities").if_contains("iotEdge");
    identity.iot_edge = edge != nullptr && edge->as_bool();
    identity.device_scope = text_of(document, "deviceScope");
    if (const json::value* scopes = document.if_contains("parentScopes"))
        for (const json::value& scope : scopes->as_array())
            identity.parent_scopes.emplace_back(scope.as_string());

    const json::object& properties = object_of(document, "properties");
    twin::Twin& twin = stored.twin;
    twin.tags = section_of(object_of(document, "tags"));
    twin.desired = section_of(object_of(properties, "desired"));
    twin.reported = section_of(object_of(properties, "reported"));
    twin.versions = {.version = number_of(document, "version"),
                     .etag = etag_number(text_of(document, "etag")),
                     .desired = number_of(object_of(properties, "desired"), "$version"),
                     .reported = number_of(object_of(properties, "reported"), "$version")};
    twin.model_id = text_of(document, "modelId");

    stored.presence.last_activity = time_of(document, "lastActivityTime");
    stored.connected = text_of(document, "connectionState") == "Connected";
    return stored;
}

Result<> store_documents(store::Engine& engine, const std::vector<json::object>& documents) {
    Records identities, twins, metadata;
    std::map<Slot, Counts> counts;
    std::map<std::string, std::vector<TwinId>> configurations;
    for (const json::object& document : documents) {
        const StoredDocument stored = stored_document(document);
        const TwinId& id = stored.identity.id;
        const std::string key = store::twin_key(id);
        std::string body;
        append_encoded(body, stored.identity);
        add(identities, key, store::Kind::identity, identity_format, body);
        body.clear();
        State state;
        state.twin = stored.twin;
        state.ordinal = 1;
        append_twin_record(body, state);
        add(twins, key, store::Kind::twin, twin_record_format, body);
        body.clear();
        append_encoded(body, stored.presence);
        add(metadata, store::metadata_key(store::Area::presence, key), store::Kind::hub_state,
            hub_state_format, body);
        Applied applied;
        for (const auto& [name, standing] : object_of(document, "configurations")) {
            applied.standings.push_back(
                {std::string(name), 1, text_of(standing.as_object(), "status") == "Applied"});
            configurations[std::string(name)].push_back(id);
        }
        if (!applied.empty()) {
            std::ranges::sort(applied.standings, {}, &Applied::Standing::configuration);
            body.clear();
            append_encoded(body, applied);
            add(metadata, store::metadata_key(store::Area::applied, key), store::Kind::applied,
                applied_format, body);
        }
        Counts& ours = counts[slot_of(id.device)];
        if (id.is_module()) ++ours.modules;
        else if (stored.identity.status == Status::enabled) ++ours.enabled;
        else ++ours.disabled;
    }
    for (const auto& [id, twins_of_it] : configurations) {
        std::string body;
        append_encoded(body, configuration_of(id, twins_of_it));
        add(metadata, store::metadata_key(store::Area::configuration, id),
            store::Kind::configuration, configuration_format, body);
    }
    for (const auto& [slot, numbers] : counts) {
        std::string body;
        append_encoded(body, numbers);
        add(metadata, counts_key(slot), store::Kind::hub_state, hub_state_format, body);
    }
    TRY_VOID(load(engine, store::Family::identities, identities));
    TRY_VOID(load(engine, store::Family::twins, twins));
    return load(engine, store::Family::metadata, metadata);
}

}  // namespace twinhub::hub::testing
