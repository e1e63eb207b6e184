#include "provisioning/tpm/activation.h"

#include "protocol/sas/token.h"
#include "provisioning/tpm/algorithms.h"
#include "provisioning/tpm/marshal.h"

namespace twinhub::provisioning::tpm {
namespace {

// Protects `plain` by a seed that the TPM shares, and binds it to the object of that name: an
// integrity HMAC led by its length, then the encrypted bytes (sections 23.3.2.3 and 24.4).
std::string protect(std::string_view seed, std::string_view name, std::string_view plain) {
    const std::string encrypted = encrypt_cfb(derive_key(seed, "STORAGE", name, aes_bits), plain);
    const std::string integrity_key = derive_key(seed, "INTEGRITY", {}, hash_bytes * 8);
    return sized(protocol::sas::hmac_sha256(integrity_key, encrypted + std::string(name))) +
           encrypted;
}

// The signing key as an object: TPMT_PUBLIC and TPMT_SENSITIVE.
struct Object {
    std::string public_area;
    std::string sensitive;
};

Object object_of(std::string_view signing_key, Random& random) {
    const std::string seed = random_bytes(random, hash_bytes);
    Object object;
    append_u16(object.sensitive, algorithm::keyed_hash);
    append_sized(object.sensitive, {});  // no password
    append_sized(object.sensitive, seed);
    append_sized(object.sensitive, signing_key);

    append_u16(object.public_area, algorithm::keyed_hash);
    append_u16(object.public_area, algorithm::sha256);
    append_u32(object.public_area,
               attribute::sign | attribute::user_with_auth | attribute::no_dictionary_attack);
    append_sized(object.public_area, {});  // no policy
    append_u16(object.public_area, algorithm::hmac);
    append_u16(object.public_area, algorithm::sha256);
    append_sized(object.public_area, sha256(seed + std::string(signing_key)));
    return object;
}

// TPM2B_PRIVATE of a duplicate with both wrappers (section 23.3).
std::string duplicate(const Object& object, std::string_view inner_key, std::string_view seed) {
    const std::string name = name_of(object.public_area);
    const std::string sensitive = sized(object.sensitive);
    const std::string inner = sized(sha256(sensitive + name)) + sensitive;
    return sized(protect(seed, name, encrypt_cfb(inner_key, inner)));
}

}  // namespace

Result<std::string> wrap_signing_key(const Keys& keys, std::string_view signing_key,
                                     std::string_view purpose, Random& random) {
    CHECK(signing_key.size() == signing_key_bytes && purpose.size() <= purpose_bytes_max);
    const std::string once = random_bytes(random, aes_bytes);
    const std::string credential_seed = random_bytes(random, hash_bytes);
    const std::string import_seed = random_bytes(random, hash_bytes);
    const std::string for_endorsement =
        encrypt_oaep(keys.endorsement.modulus, "IDENTITY", credential_seed, random);
    const std::string for_storage_root =
        encrypt_oaep(keys.storage_root.modulus, "DUPLICATE", import_seed, random);
    if (for_endorsement.empty() || for_storage_root.empty())
        return failure(Code::argument_invalid, "The modulus of a TPM's key is no RSA modulus");
    const Object object = object_of(signing_key, random);
    std::string blob = sized(protect(credential_seed, keys.storage_root.name, sized(once)));
    append_sized(blob, for_endorsement);
    blob += duplicate(object, once, import_seed);
    append_sized(blob, for_storage_root);
    append_sized(blob, object.public_area);
    append_sized(blob, encrypt_cfb(once, purpose));
    return blob;
}

}  // namespace twinhub::provisioning::tpm
