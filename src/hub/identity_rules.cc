#include "hub/identity_rules.h"

#include "base/encoding.h"

namespace twinhub::hub {
namespace {

std::string new_generation(Instant now) {
    // Ticks since year 1, as the cloud shows it; unlike a counter it never repeats after a restore.
    constexpr std::int64_t ticks_to_1970 = 621'355'968'000'000'000;
    return std::to_string(now.time_since_epoch().count() + ticks_to_1970);
}

std::uint64_t new_etag(Random& random, std::uint64_t old) {
    std::uint64_t number = 0;
    do number = random.number() % 4'000'000'000u + 1;
    while (number == old);
    return number;
}

Result<> check_key(std::string_view key, std::string_view where) {
    const auto decoded = base64_decode(key);
    if (!decoded || key.size() % 4 != 0)
        return failure(Code::argument_invalid, "A symmetric key must be base64 text",
                       std::string(where));
    if (decoded->size() < key_bytes_min || decoded->size() > key_bytes_max)
        return failure(Code::argument_invalid,
                       "A symmetric key must have 16 to 64 bytes, this one has " +
                           std::to_string(decoded->size()),
                       std::string(where));
    return {};
}

Result<> check_thumbprint(std::string_view thumbprint, std::string_view where) {
    if (thumbprint.empty()) return {};
    if ((thumbprint.size() != 40 && thumbprint.size() != 64) || !hex_decode(thumbprint))
        return failure(Code::argument_invalid,
                       "A thumbprint must be 40 (SHA-1) or 64 (SHA-256) hexadecimal digits",
                       std::string(where));
    return {};
}

Result<Authentication> make_authentication(
    const std::optional<IdentitySpec::AuthenticationSpec>& spec, bool module, Random& random) {
    const IdentitySpec::AuthenticationSpec wanted =
        spec.value_or(IdentitySpec::AuthenticationSpec{});
    const bool has_thumbprint =
        !wanted.primary_thumbprint.empty() || !wanted.secondary_thumbprint.empty();
    const bool has_key = !wanted.primary_key.empty() || !wanted.secondary_key.empty();
    Authentication result;
    result.type = wanted.type.value_or(has_thumbprint ? AuthenticationType::self_signed
                                                      : AuthenticationType::sas);
    if (result.type == AuthenticationType::none) {
        if (!module)
            return failure(Code::argument_invalid,
                           "A device must have an authentication type other than none",
                           "authentication.type");
        result.type = AuthenticationType::sas;
    }
    if (has_key && has_thumbprint)
        return failure(Code::argument_invalid,
                       "An identity has either symmetric keys or thumbprints, not both",
                       "authentication");
    switch (result.type) {
        case AuthenticationType::sas:
            if (wanted.primary_key.empty() != wanted.secondary_key.empty())
                return failure(Code::argument_invalid, "Give both symmetric keys or neither",
                               "authentication.symmetricKey");
            if (has_key) {
                TRY_VOID(check_key(wanted.primary_key, "authentication.symmetricKey.primaryKey"));
                TRY_VOID(
                    check_key(wanted.secondary_key, "authentication.symmetricKey.secondaryKey"));
                result.primary_key = wanted.primary_key;
                result.secondary_key = wanted.secondary_key;
            } else {
                result.primary_key = random.key(generated_key_bytes);
                result.secondary_key = random.key(generated_key_bytes);
            }
            break;
        case AuthenticationType::self_signed:
            TRY_VOID(check_thumbprint(wanted.primary_thumbprint,
                                      "authentication.x509Thumbprint.primaryThumbprint"));
            TRY_VOID(check_thumbprint(wanted.secondary_thumbprint,
                                      "authentication.x509Thumbprint.secondaryThumbprint"));
            result.primary_thumbprint = wanted.primary_thumbprint;
            result.secondary_thumbprint = wanted.secondary_thumbprint;
            break;
        case AuthenticationType::certificate_authority:
        case AuthenticationType::none: break;
    }
    return result;
}

Result<> check_reason(const IdentitySpec& spec) {
    if (!spec.status_reason) return {};
    if (!is_valid_utf8(*spec.status_reason))
        return failure(Code::argument_invalid, "The status reason is not valid UTF-8",
                       "statusReason");
    std::size_t characters = 0;
    for (const char c : *spec.status_reason)
        characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (characters > status_reason_characters_max)
        return failure(
            Code::argument_invalid,
            "The status reason has " + std::to_string(characters) + " characters, the limit is 128",
            "statusReason");
    return {};
}

std::string own_scope(const Identity& identity) {
    return std::string(scope_prefix) + identity.id.device.text() + "-" + identity.generation_id;
}

Result<> check_parents(const std::vector<std::string>& parents) {
    if (parents.size() > parent_scopes_max)
        return failure(Code::argument_invalid, "A device has at most one parent", "parentScopes");
    return {};
}

}  // namespace

std::optional<DeviceId> device_of_scope(std::string_view scope) {
    if (!scope.starts_with(scope_prefix)) return std::nullopt;
    scope.remove_prefix(scope_prefix.size());
    const std::size_t dash = scope.rfind('-');
    if (dash == std::string_view::npos) return std::nullopt;
    auto id = DeviceId::parse(scope.substr(0, dash));
    if (!id) return std::nullopt;
    return std::move(*id);
}

Result<Identity> make_identity(const IdentitySpec& spec, Birth birth, Random& random) {
    TRY_VOID(check_reason(spec));
    Identity identity;
    identity.id = spec.id;
    if (identity.id.module.is_system())
        return failure(Code::argument_invalid,
                       "Module ids that begin with $ belong to the edge runtime", "moduleId");
    identity.generation_id = new_generation(birth.mark);
    identity.etag_number = new_etag(random, 0);
    identity.created = birth.at;
    TRY(identity.authentication,
        make_authentication(spec.authentication, spec.id.is_module(), random));
    identity.managed_by = spec.managed_by;
    if (spec.id.is_module()) return identity;

    identity.status = spec.status.value_or(Status::enabled);
    if (identity.status == Status::disabled) identity.status_updated = birth.at;
    identity.status_reason = spec.status_reason.value_or("");
    identity.iot_edge = spec.iot_edge.value_or(false);
    const std::vector<std::string> parents =
        spec.parent_scopes.value_or(std::vector<std::string>{});
    TRY_VOID(check_parents(parents));
    if (identity.iot_edge) {
        identity.device_scope = own_scope(identity);
        identity.parent_scopes = parents;
    } else if (spec.device_scope && !spec.device_scope->empty()) {
        identity.device_scope = *spec.device_scope;
        identity.parent_scopes = {*spec.device_scope};
    }
    return identity;
}

Result<Identity> replace_identity(const Identity& current, const IdentitySpec& spec, Instant now,
                                  Random& random) {
    TRY_VOID(check_reason(spec));
    Identity next = current;
    next.etag_number = new_etag(random, current.etag_number);
    if (current.authentication.type == AuthenticationType::none) {
        // The runtime's own module keeps having no credential of its own.
        if (spec.authentication && spec.authentication->type.value_or(AuthenticationType::none) !=
                                       AuthenticationType::none) {
            TRY(next.authentication, make_authentication(spec.authentication, true, random));
        }
    } else {
        TRY(next.authentication,
            make_authentication(spec.authentication, spec.id.is_module(), random));
    }
    next.managed_by = spec.managed_by;
    if (spec.id.is_module()) return next;

    next.status = spec.status.value_or(Status::enabled);
    if (next.status != current.status) next.status_updated = now;
    next.status_reason = spec.status_reason.value_or("");
    next.iot_edge = spec.iot_edge.value_or(false);
    const std::vector<std::string> parents =
        spec.parent_scopes.value_or(std::vector<std::string>{});
    TRY_VOID(check_parents(parents));
    if (next.iot_edge) {
        if (current.iot_edge) {
            if (spec.device_scope.value_or("") != current.device_scope)
                return failure(Code::device_scope_invalid, "Device scope is immutable",
                               "deviceScope");
            next.parent_scopes = parents;
        } else {
            // A leaf that becomes an edge device keeps its parent (spec service-api 4.4).
            if (spec.device_scope && !spec.device_scope->empty() &&
                *spec.device_scope != current.device_scope)
                return failure(Code::device_scope_invalid, "Device scope is immutable",
                               "deviceScope");
            next.device_scope = own_scope(next);
            next.parent_scopes = current.parent_scopes;
        }
    } else if (current.iot_edge) {
        next.device_scope.clear();
        next.parent_scopes.clear();
    } else {
        next.device_scope = spec.device_scope.value_or("");
        next.parent_scopes.clear();
        if (!next.device_scope.empty()) next.parent_scopes = {next.device_scope};
    }
    return next;
}

Result<Identity> with_new_keys(const Identity& current, bool primary, bool secondary,
                               Random& random) {
    if (current.authentication.type != AuthenticationType::sas)
        return failure(Code::operation_invalid,
                       "'" + current.id.text() + "' does not authenticate with symmetric keys");
    Identity next = current;
    if (primary) next.authentication.primary_key = random.key(generated_key_bytes);
    if (secondary) next.authentication.secondary_key = random.key(generated_key_bytes);
    next.etag_number = new_etag(random, current.etag_number);
    return next;
}

Identity make_system_module(const Identity& device, ModuleId module, Birth birth, Random& random) {
    Identity identity;
    identity.id = TwinId{device.id.device, std::move(module)};
    identity.generation_id = new_generation(birth.mark);
    identity.etag_number = new_etag(random, 0);
    identity.created = birth.at;
    identity.authentication.type = AuthenticationType::none;
    identity.managed_by = "iotEdge";
    return identity;
}

}  // namespace twinhub::hub
