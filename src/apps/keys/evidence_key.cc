#include "apps/keys/evidence_key.h"

#include "apps/keys/secret_file.h"

#include <openssl/crypto.h>

namespace twinhub::apps {

Result<bool> ensure_evidence_key(const Config& config, Random& random) {
    std::error_code ignored;
    const bool has_key = std::filesystem::exists(config.evidence_key_path(), ignored);
    if (has_key && std::filesystem::exists(config.evidence_public_path(), ignored)) return false;
    if (!has_key) {
        x509::SigningKey::Seed seed{};
        random.fill(seed);
        auto made = x509::SigningKey::from_seed(seed);
        OPENSSL_cleanse(seed.data(), seed.size());
        TRY(const x509::SigningKey key, std::move(made));
        TRY_VOID(write_file(config.evidence_key_path(), key.secret_pem(), Access::owner));
    }
    TRY(const x509::SigningKey key, read_evidence_key(config));
    TRY_VOID(write_file(config.evidence_public_path(), key.verifying().pem(), Access::everybody));
    return true;
}

Result<x509::SigningKey> read_evidence_key(const Config& config) {
    TRY(std::string pem, read_secret_file(config.evidence_key_path()));
    auto key = x509::SigningKey::parse(pem);
    OPENSSL_cleanse(pem.data(), pem.size());
    if (!key)
        return failure(Code::format_invalid,
                       config.evidence_key_path().string() + ": " + key.error().message);
    return key;
}

}  // namespace twinhub::apps
