#pragma once

#include "base/time.h"
#include "provisioning/ids.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace twinhub::provisioning {

// One device, or all that hold a key derived from (a certificate under) that of the group.
// Stored: never renumber, as all enumerations here.
enum class EnrollmentKind : std::uint8_t { individual = 0, group = 1 };

enum class Status : std::uint8_t { enabled = 0, disabled = 1 };

// How a hub is chosen among those that are linked (spec device-protocols 7.7). `geo_latency` is
// what the cloud calls the nearest one; without a map it is the one with the least load.
enum class Allocation : std::uint8_t { hashed = 0, geo_latency = 1, fixed = 2, custom = 3 };

// Both keys in base64, 16 to 64 bytes. Secrets.
struct SymmetricKeys {
    std::string primary;
    std::string secondary;
    friend bool operator==(const SymmetricKeys&, const SymmetricKeys&) = default;
};

// Which certificates prove a device: the device's own, those of who signs for it, or names of
// authorities that the hub knows.
struct X509Proof {
    enum class Role : std::uint8_t { client = 0, signing = 1, references = 2 };
    Role role = Role::client;
    std::string primary;  // DER, or the name of an authority; empty when there is none
    std::string secondary;
    friend bool operator==(const X509Proof&, const X509Proof&) = default;
};

// The public parts of a TPM's keys (TPM2B_PUBLIC), base64 as sent.
struct TpmKeys {
    std::string endorsement;
    std::string storage_root;
    friend bool operator==(const TpmKeys&, const TpmKeys&) = default;
};

using Attestation = std::variant<SymmetricKeys, X509Proof, TpmKeys>;

// What becomes of a device that registers again (spec twin-document 10).
struct ReprovisionPolicy {
    bool update_hub_assignment = true;
    bool migrate_device_data = true;
    friend bool operator==(const ReprovisionPolicy&, const ReprovisionPolicy&) = default;
};

struct CustomAllocation {
    std::string webhook_url;  // may hold a secret in its query
    std::string api_version;
    friend bool operator==(const CustomAllocation&, const CustomAllocation&) = default;
};

// What a twin begins with: JSON objects as text, empty when the part is not given.
struct InitialTwin {
    std::string tags;
    std::string desired;
    friend bool operator==(const InitialTwin&, const InitialTwin&) = default;
};

// Who may register and what becomes of them (spec service-api 11.3). A value: changed by replacing
// it whole, in one commit.
struct Enrollment {
    EnrollmentKind kind = EnrollmentKind::individual;
    ProvisioningId id;  // registration id of an individual enrollment, else the group's
    Attestation attestation;
    Status status = Status::enabled;
    ReprovisionPolicy reprovision;
    Allocation allocation = Allocation::hashed;
    std::vector<std::string> hubs;  // to choose among; empty = all that are linked
    std::string hub;                // iotHubHostName as sent
    CustomAllocation custom;
    InitialTwin initial_twin;
    bool iot_edge = false;
    std::string device_id;    // individual; empty = the registration id
    std::string information;  // individual: JSON object as text, only kept
    std::string etag;         // without quotes
    Instant created = never;
    Instant updated = never;

    bool is_group() const { return kind == EnrollmentKind::group; }
    friend bool operator==(const Enrollment&, const Enrollment&) = default;
};

}  // namespace twinhub::provisioning
