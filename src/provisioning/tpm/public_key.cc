#include "provisioning/tpm/public_key.h"

#include "provisioning/limits.h"
#include "provisioning/tpm/algorithms.h"
#include "provisioning/tpm/marshal.h"

namespace twinhub::provisioning::tpm {
namespace {

std::unexpected<Error> refuse(const char* why) { return failure(Code::argument_invalid, why); }

constexpr const char* not_a_key = "The key is no TPM2B_PUBLIC structure";

constexpr std::uint16_t bits = 2048;
constexpr std::size_t policy_bytes_max = 64;  // the longest digest of a TPM
constexpr std::uint32_t default_exponent = 65537;

Result<> check_attributes(std::uint32_t attributes, KeyRole role) {
    const std::uint32_t wanted = attribute::restricted | attribute::decrypt;
    if ((attributes & wanted) != wanted || (attributes & attribute::sign) != 0)
        return refuse("The key must be a restricted decryption key");
    const std::uint32_t stays = attribute::fixed_tpm | attribute::fixed_parent;
    if (role == KeyRole::storage_root && (attributes & stays) != stays)
        return refuse("A storage root key must be bound to its TPM");
    return {};
}

}  // namespace

Result<PublicKey> parse_public(std::string_view bytes, KeyRole role) {
    if (bytes.size() > tpm_key_bytes_max) return refuse(not_a_key);
    Unmarshal outer(bytes);
    const std::string_view area = outer.sized();
    if (!outer.finished()) return refuse(not_a_key);
    Unmarshal reader(area);
    const std::uint16_t type = reader.u16();
    const std::uint16_t name_hash = reader.u16();
    const std::uint32_t attributes = reader.u32();
    const std::string_view policy = reader.sized();
    if (reader.failed()) return refuse(not_a_key);
    if (type != algorithm::rsa) return refuse("Only RSA keys of a TPM are taken");
    if (name_hash != algorithm::sha256) return refuse("The key's name must be a SHA-256 hash");
    if (policy.size() > policy_bytes_max) return refuse(not_a_key);
    TRY_VOID(check_attributes(attributes, role));
    if (reader.u16() != algorithm::aes || reader.u16() != aes_bits ||
        reader.u16() != algorithm::cfb)
        return refuse("The key's symmetric algorithm must be AES-128-CFB");
    if (reader.u16() != algorithm::null) return refuse("The key must have no scheme of its own");
    if (reader.u16() != bits) return refuse("Only RSA keys of 2048 bits are taken");
    const std::uint32_t exponent = reader.u32();
    if (exponent != 0 && exponent != default_exponent)
        return refuse("The key's exponent must be 65537");
    const std::string_view modulus = reader.sized();
    if (!reader.finished()) return refuse(not_a_key);
    if (modulus.size() != bits / 8 || (modulus.front() & 0x80) == 0 || (modulus.back() & 1) == 0)
        return refuse("The key's modulus is not one of 2048 bits");
    return PublicKey{.name = name_of(area), .modulus = std::string(modulus)};
}

}  // namespace twinhub::provisioning::tpm
