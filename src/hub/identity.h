#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "hub/connections/session.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::twin {
struct Object;
}  // namespace twinhub::twin

namespace twinhub::hub {

enum class Status : std::uint8_t { enabled = 0, disabled = 1 };
enum class AuthenticationType : std::uint8_t {
    sas = 0,
    self_signed = 1,
    certificate_authority = 2,
    none = 3
};

// Its name on the wire (spec service-api 4.2): sas, selfSigned, certificateAuthority, none.
std::string_view name_of(AuthenticationType type);

// How an identity proves itself. Keys and thumbprints are kept as the client wrote them.
struct Authentication {
    AuthenticationType type = AuthenticationType::sas;
    std::string primary_key;  // base64 of 16 to 64 bytes; empty when the type is not sas
    std::string secondary_key;
    std::string primary_thumbprint;  // hex SHA-1 or SHA-256; empty when absent
    std::string secondary_thumbprint;

    friend bool operator==(const Authentication&, const Authentication&) = default;
};

// What the registry knows of a device or module (spec service-api 4.2). A value: changed by
// replacing it whole, in one commit.
struct Identity {
    TwinId id;
    std::string generation_id;        // changes on re-creation
    std::uint64_t etag_number = 0;    // shown as base64 of its decimal text
    Status status = Status::enabled;  // modules follow their device
    std::string status_reason;        // empty = unset
    Instant status_updated = never;
    Authentication authentication;
    bool iot_edge = false;
    std::string device_scope;
    std::vector<std::string> parent_scopes;
    std::string managed_by;  // modules only
    Instant created = never;

    std::string etag() const;

    friend bool operator==(const Identity&, const Identity&) = default;
};

// What a client asks an identity to be. Absent members take their default (create) or are
// reset (update), as the specification says for each.
struct IdentitySpec {
    TwinId id;
    std::optional<Status> status;
    std::optional<std::string> status_reason;
    struct AuthenticationSpec {
        std::optional<AuthenticationType> type;
        std::string primary_key, secondary_key;
        std::string primary_thumbprint, secondary_thumbprint;
    };
    std::optional<AuthenticationSpec> authentication;
    std::optional<bool> iot_edge;
    std::optional<std::string> device_scope;
    std::optional<std::vector<std::string>> parent_scopes;
    std::string managed_by;
};

// The certificate that a device showed when it last connected.
struct CertificateSeen {
    std::string thumbprint;  // SHA-256, upper-case hex; empty = it came without one
    Instant not_after = never;

    friend bool operator==(const CertificateSeen&, const CertificateSeen&) = default;
};

// When the device was last seen and what its session kept (spec twin-document 8, device-protocols
// 1.4). Never changes an etag or a version.
struct Presence {
    bool connected = false;
    Instant connection_state_updated = never;
    Instant last_activity = never;
    std::uint32_t subscriptions = 0;  // granted filters kept for a clean-session-0 reconnect
    Instant session_expires = never;  // when they are forgotten
    CertificateSeen certificate;
    std::vector<std::string> methods;  // kept like the filters: single methods, by name
    Session session;                   // the newest one
    std::uint32_t messages = 0;  // that wait for the device: counted, not stored with the rest
    // The status of each configuration that targets the twin; nullptr: of none. Nor is this.
    std::shared_ptr<const twin::Object> configurations;

    friend bool operator==(const Presence&, const Presence&) = default;
};

// An identity as committed, with what is known of its connection now.
struct IdentityView {
    std::shared_ptr<const Identity> identity;
    Presence presence;
};

// Who connects: the identity that is claimed, and the device it belongs to (the same for a device),
// both of one moment.
struct Claimant {
    IdentityView view;
    std::shared_ptr<const Identity> device;
};

}  // namespace twinhub::hub
