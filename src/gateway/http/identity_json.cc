#include "gateway/http/identity_json.h"

#include "base/encoding.h"
#include "base/json.h"
#include "base/json_members.h"

#include <array>

namespace twinhub::gateway::http {
namespace {

using hub::AuthenticationType;
using hub::Status;

constexpr std::array types{AuthenticationType::sas, AuthenticationType::self_signed,
                           AuthenticationType::certificate_authority, AuthenticationType::none};

void append_text_or_null(std::string& out, std::string_view text) {
    if (text.empty()) out += "null";
    else append_json_string(out, text);
}

void append_time(std::string& out, std::string_view name, Instant time) {
    out += ",\"";
    out += name;
    out += "\":\"";
    append_instant(out, time);
    out += '"';
}

void append_authentication(std::string& out, const hub::Authentication& authentication) {
    out += R"(,"authentication":{"symmetricKey":{"primaryKey":)";
    append_text_or_null(out, authentication.primary_key);
    out += R"(,"secondaryKey":)";
    append_text_or_null(out, authentication.secondary_key);
    out += R"(},"x509Thumbprint":{"primaryThumbprint":)";
    append_text_or_null(out, authentication.primary_thumbprint);
    out += R"(,"secondaryThumbprint":)";
    append_text_or_null(out, authentication.secondary_thumbprint);
    out += R"(},"type":")";
    out += name_of(authentication.type);
    out += "\"}";
}

void append_scopes(std::string& out, const hub::Identity& identity) {
    if (!identity.device_scope.empty()) {
        out += R"(,"deviceScope":)";
        append_json_string(out, identity.device_scope);
    }
    if (!identity.iot_edge && identity.parent_scopes.empty()) return;
    out += R"(,"parentScopes":[)";
    for (std::size_t i = 0; i < identity.parent_scopes.size(); ++i) {
        if (i > 0) out += ',';
        append_json_string(out, identity.parent_scopes[i]);
    }
    out += ']';
}

Result<std::optional<Status>> read_status(const json::object& body) {
    TRY(const auto text, text_member(body, "status"));
    if (!text || text->empty()) return std::nullopt;
    if (equals_ignoring_case(*text, "enabled")) return Status::enabled;
    if (equals_ignoring_case(*text, "disabled")) return Status::disabled;
    return failure(Code::argument_invalid, "The status must be enabled or disabled", "status");
}

Result<std::optional<AuthenticationType>> read_type(const json::object& authentication) {
    TRY(const auto text, text_member(authentication, "type"));
    if (!text || text->empty()) return std::nullopt;
    for (const AuthenticationType type : types)
        if (equals_ignoring_case(*text, name_of(type))) return type;
    return failure(Code::argument_invalid,
                   "The authentication type must be sas, selfSigned, certificateAuthority or none",
                   "authentication.type");
}

Result<hub::IdentitySpec::AuthenticationSpec> read_authentication(const json::object& body) {
    hub::IdentitySpec::AuthenticationSpec spec;
    TRY(spec.type, read_type(body));
    TRY(const json::object* keys, object_member(body, "symmetricKey"));
    if (keys != nullptr) {
        TRY(const auto primary, text_member(*keys, "primaryKey"));
        TRY(const auto secondary, text_member(*keys, "secondaryKey"));
        spec.primary_key = primary.value_or("");
        spec.secondary_key = secondary.value_or("");
    }
    TRY(const json::object* thumbprints, object_member(body, "x509Thumbprint"));
    if (thumbprints != nullptr) {
        TRY(const auto primary, text_member(*thumbprints, "primaryThumbprint"));
        TRY(const auto secondary, text_member(*thumbprints, "secondaryThumbprint"));
        spec.primary_thumbprint = primary.value_or("");
        spec.secondary_thumbprint = secondary.value_or("");
    }
    return spec;
}

Result<std::optional<std::vector<std::string>>> read_scopes(const json::object& body) {
    TRY(const json::array* list, array_member(body, "parentScopes"));
    if (list == nullptr) return std::nullopt;
    std::vector<std::string> scopes;
    for (const json::value& value : *list) {
        const json::string* text = value.if_string();
        if (text == nullptr)
            return failure(Code::argument_invalid, "A scope must be a string", "parentScopes");
        scopes.emplace_back(text->data(), text->size());
    }
    return scopes;
}

Result<> check_name(const json::object& body, std::string_view member, const std::string& wanted) {
    TRY(const auto name, text_member(body, member));
    if (name && *name != wanted)
        return failure(Code::argument_invalid, "The id in the body is not the one in the address",
                       std::string(member));
    return {};
}

}  // namespace

void append_identity(std::string& out, const hub::IdentityView& view) {
    const hub::Identity& identity = *view.identity;
    const bool module = identity.id.is_module();
    out += R"({"deviceId":)";
    append_json_string(out, identity.id.device.text());
    if (module) {
        out += R"(,"moduleId":)";
        append_json_string(out, identity.id.module.text());
        out += R"(,"managedBy":)";
        append_text_or_null(out, identity.managed_by);
    }
    out += R"(,"generationId":)";
    append_json_string(out, identity.generation_id);
    out += R"(,"etag":)";
    append_json_string(out, identity.etag());
    out += R"(,"connectionState":")";
    out += view.presence.connected ? "Connected" : "Disconnected";
    out += '"';
    if (!module) {
        out += R"(,"status":")";
        out += identity.status == Status::enabled ? "enabled" : "disabled";
        out += R"(","statusReason":)";
        append_text_or_null(out, identity.status_reason);
    }
    append_time(out, "connectionStateUpdatedTime", view.presence.connection_state_updated);
    if (!module) append_time(out, "statusUpdatedTime", identity.status_updated);
    append_time(out, "lastActivityTime", view.presence.last_activity);
    out += R"(,"cloudToDeviceMessageCount":)";
    append_json_number(out, std::uint64_t{view.presence.messages});
    append_authentication(out, identity.authentication);
    if (!module) {
        out += R"(,"capabilities":{"iotEdge":)";
        out += identity.iot_edge ? "true}" : "false}";
        append_scopes(out, identity);
    }
    if (const hub::CertificateSeen& seen = view.presence.certificate; !seen.thumbprint.empty()) {
        out += R"(,"twinhub":{"certificate":{"thumbprint":")" + seen.thumbprint + '"';
        append_time(out, "notAfter", seen.not_after);
        out += "}}";
    }
    out += '}';
}

Result<hub::IdentitySpec> read_identity_members(const json::object& body, const TwinId& id) {
    hub::IdentitySpec spec;
    spec.id = id;
    TRY(spec.status, read_status(body));
    TRY(spec.status_reason, text_member(body, "statusReason"));
    TRY(const json::object* authentication, object_member(body, "authentication"));
    if (authentication != nullptr) {
        TRY(spec.authentication, read_authentication(*authentication));
    }
    TRY(const json::object* capabilities, object_member(body, "capabilities"));
    if (capabilities != nullptr) {
        TRY(spec.iot_edge, flag_member(*capabilities, "iotEdge"));
    }
    TRY(spec.device_scope, text_member(body, "deviceScope"));
    TRY(spec.parent_scopes, read_scopes(body));
    TRY(const auto managed_by, text_member(body, "managedBy"));
    spec.managed_by = managed_by.value_or("");
    return spec;
}

Result<hub::IdentitySpec> read_identity(const json::object& body, const TwinId& id) {
    TRY_VOID(check_name(body, "deviceId", id.device.text()));
    if (id.is_module()) TRY_VOID(check_name(body, "moduleId", id.module.text()));
    return read_identity_members(body, id);
}

}  // namespace twinhub::gateway::http
