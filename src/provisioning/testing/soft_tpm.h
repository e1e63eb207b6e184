#pragma once

#include "base/random.h"
#include "provisioning/enrollment.h"
#include "provisioning/tpm/public_key.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::provisioning::testing {

// The device's side of tpm/activation.h: both keys of a TPM, and what it does with a wrapped key.
// Checks everything that a TPM checks, and computes it from the other end.
class SoftTpm {
public:
    // Those of one number have the same keys, which are made once in a program.
    explicit SoftTpm(std::size_t number = 0);

    std::string endorsement_key() const;   // TPM2B_PUBLIC
    std::string storage_root_key() const;  // the same
    TpmKeys keys() const;                  // both in base64

    struct Taken {
        std::string signing_key;
        std::string public_area;  // TPMT_PUBLIC of it
        std::string purpose;
    };
    // Nothing when the TPM would not take it in.
    std::optional<Taken> take(std::string_view blob) const;

private:
    struct Parts;
    std::shared_ptr<const Parts> parts_;
};

// A TPM2B_PUBLIC as the TPM's maker, or its owner, has it made.
std::string public_of(std::string_view modulus, tpm::KeyRole role);

}  // namespace twinhub::provisioning::testing
