#include "apps/keys/data_folder.h"

#include "apps/keys/certificate.h"
#include "apps/keys/evidence_key.h"
#include "apps/keys/id_scope.h"
#include "apps/keys/policies_file.h"
#include "apps/keys/secret_file.h"
#include "base/encoding.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace twinhub::apps {
namespace {

constexpr auto ca_lifetime = std::chrono::days{3650};
constexpr auto server_lifetime = std::chrono::days{397};
constexpr auto renew_before = std::chrono::days{30};
constexpr auto warn_before = std::chrono::days{90};
constexpr auto backdated = std::chrono::hours{24};  // clocks of devices may be behind

// The two files of one certificate.
struct Pair {
    std::filesystem::path certificate;
    std::filesystem::path key;
    KeyAlgorithm algorithm = KeyAlgorithm::ecdsa_p256;
};

Pair ca_files(const Config& config) { return {config.data() / "ca.pem", config.data() / "ca.key"}; }

std::vector<Pair> server_files(const Config& config) {
    std::vector<Pair> pairs;
    if (config.tls_key_type != KeyType::rsa)
        pairs.push_back(
            {config.data() / "server.pem", config.data() / "server.key", KeyAlgorithm::ecdsa_p256});
    if (config.tls_key_type != KeyType::ecdsa)
        pairs.push_back({config.data() / "server-rsa.pem", config.data() / "server-rsa.key",
                         KeyAlgorithm::rsa_2048});
    return pairs;
}

// Both files of a certificate, read and found to belong together.
struct Loaded {
    std::vector<Certificate> chain;
    Key key;
    ServerCertificate text;
};

Result<Loaded> load_pair(const std::filesystem::path& certificate,
                         const std::filesystem::path& key) {
    const auto in_file = [](const std::filesystem::path& path, Error error) {
        return failure(error.code, fmt::format("'{}': {}", path.string(), error.message));
    };
    Loaded loaded;
    TRY(loaded.text.chain_pem, read_file(certificate));
    TRY(loaded.text.key_pem, read_secret_file(key));
    auto chain = parse_certificates(loaded.text.chain_pem);
    if (!chain) return in_file(certificate, chain.error());
    auto parsed_key = parse_key(loaded.text.key_pem);
    if (!parsed_key) return in_file(key, parsed_key.error());
    loaded.chain = std::move(*chain);
    loaded.key = std::move(*parsed_key);
    if (!matches(*loaded.chain.front(), *loaded.key))
        return failure(Code::format_invalid, fmt::format("'{}' is not the key of '{}'",
                                                         key.string(), certificate.string()));
    return loaded;
}

Result<> save_pair(const Pair& files, std::string_view chain_pem, EVP_PKEY& key,
                   Prepared& prepared) {
    // The key first: a certificate without its key is found and made anew, a stop in between heals.
    TRY_VOID(write_file(files.key, to_pem(key), Access::owner));
    TRY_VOID(write_file(files.certificate, chain_pem, Access::everybody));
    prepared.made.push_back(files.certificate.string());
    return {};
}

Result<Loaded> ensure_ca(const Config& config, Instant now, Prepared& prepared) {
    const Pair files = ca_files(config);
    std::error_code ignored;
    if (!std::filesystem::exists(files.certificate, ignored)) {
        TRY(const Key key, make_key(KeyAlgorithm::ecdsa_p256));
        const std::string name = fmt::format("twinhub CA {}", config.hub_name);
        TRY(const Certificate ca, make_ca(name, *key, {now - backdated, now + ca_lifetime}));
        TRY_VOID(save_pair(files, to_pem(*ca), *key, prepared));
    }
    TRY(Loaded ca, load_pair(files.certificate, files.key));
    if (const Instant end = expires_at(*ca.chain.front()); end < now + warn_before)
        prepared.warnings.push_back(fmt::format("the CA certificate '{}' ends on {}",
                                                files.certificate.string(), format_instant(end)));
    return ca;
}

// Whether the certificate on disk will do: ours, for these names, and not about to end.
bool is_good(const Pair& files, const Loaded& ca, const std::vector<std::string>& names,
             Instant now) {
    const auto loaded = load_pair(files.certificate, files.key);
    if (!loaded) return false;
    X509& leaf = *loaded->chain.front();
    const Instant wanted_end = std::min<Instant>(now + renew_before, expires_at(*ca.chain.front()));
    return starts_at(leaf) <= now && expires_at(leaf) >= wanted_end && names_of(leaf) == names &&
           X509_verify(&leaf, ca.key.get()) == 1;
}

Result<> ensure_server_certificates(const Config& config, Instant now, Prepared& prepared) {
    TRY(const Loaded ca, ensure_ca(config, now, prepared));
    const std::vector<std::string> names = certificate_names(config);
    for (const Pair& files : server_files(config)) {
        if (is_good(files, ca, names, now)) continue;
        // The subject shows the hub's own name; the check uses the alternative names.
        std::vector<std::string> ordered = names;
        std::ranges::partition(ordered, [&](const std::string& name) {
            return equals_ignoring_case(name, config.hub_name);
        });
        TRY(const Key key, make_key(files.algorithm));
        X509& issuer = *ca.chain.front();
        const Lifetime lifetime{now - backdated,
                                std::min<Instant>(now + server_lifetime, expires_at(issuer))};
        TRY(const Certificate leaf,
            make_server_certificate(ordered, *key, issuer, *ca.key, lifetime));
        TRY_VOID(save_pair(files, to_pem(*leaf) + to_pem(issuer), *key, prepared));
    }
    return {};
}

// The files that a device CA setting names: itself, or those of the folder.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) return {path};
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
        const std::string extension = entry.path().extension().string();
        if (extension == ".pem" || extension == ".crt" || extension == ".cer")
            files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

// Gathers the mistakes of several files into one error.
struct Gathered {
    std::string text;
    void add(const std::string& line) { text += (text.empty() ? "" : "\n") + line; }
};

void load_certificates(const Config& config, Instant now, KeyMaterial& material,
                       Gathered& mistakes) {
    std::vector<Pair> files;
    for (std::size_t i = 0; i < std::min(config.tls_certificates.size(), config.tls_keys.size());
         ++i)
        files.push_back({config.tls_certificates[i], config.tls_keys[i]});
    if (files.empty()) files = server_files(config);
    for (const Pair& pair : files) {
        auto loaded = load_pair(pair.certificate, pair.key);
        if (!loaded) {
            mistakes.add(loaded.error().message);
            continue;
        }
        const Instant end = expires_at(*loaded->chain.front());
        if (end < now + renew_before)
            material.warnings.push_back(fmt::format("the server certificate '{}' ends on {}",
                                                    pair.certificate.string(),
                                                    format_instant(end)));
        material.certificates.push_back(std::move(loaded->text));
    }
}

// A CA of devices, with what an operator should know of it.
void take_device_ca(const std::filesystem::path& file, X509* certificate, Instant now,
                    KeyMaterial& material, Gathered& mistakes) {
    if (X509_check_ca(certificate) == 0)
        return mistakes.add(
            fmt::format("'{}' holds a certificate that is not a CA's", file.string()));
    auto authority = x509::Certificate::share(certificate);
    if (!authority)
        return mistakes.add(fmt::format("'{}': {}", file.string(), authority.error().message));
    if (const auto strong = x509::check_key(*authority); !strong)
        material.warnings.push_back(fmt::format("'{}': {}: no device is let in by it",
                                                file.string(), strong.error().message));
    if (authority->not_after() < now + warn_before)
        material.warnings.push_back(fmt::format("the device CA '{}' in '{}' ends on {}",
                                                authority->subject_name(), file.string(),
                                                format_instant(authority->not_after())));
    material.device_cas.push_back(std::move(*authority));
}

void load_device_cas(const Config& config, Instant now, KeyMaterial& material, Gathered& mistakes) {
    for (const std::string& path : config.device_cas) {
        for (const std::filesystem::path& file : files_in(path)) {
            const auto text = read_file(file);
            const auto certificates =
                text ? parse_certificates(*text) : std::unexpected(text.error());
            if (!certificates) {
                mistakes.add(fmt::format("'{}': {}", file.string(), certificates.error().message));
                continue;
            }
            for (const Certificate& certificate : *certificates)
                take_device_ca(file, certificate.get(), now, material, mistakes);
        }
    }
}

}  // namespace

std::vector<std::string> certificate_names(const Config& config) {
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1", ascii_lower(config.hub_name)};
    for (const std::string& alias : config.hub_aliases) names.push_back(ascii_lower(alias));
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
}

Result<> make_data_folder(const Config& config) {
    const std::filesystem::path folder = config.data();
    std::error_code error;
    if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return failure(Code::internal, fmt::format("cannot make the data folder '{}': {}",
                                                   folder.string(), std::strerror(errno)));
    if (!std::filesystem::is_directory(folder, error))
        return failure(Code::internal,
                       fmt::format("the data folder '{}' is not a folder", folder.string()));
    return {};
}

Result<Prepared> prepare_data_folder(const Config& config, Random& random, Instant now) {
    Prepared prepared;
    TRY_VOID(make_data_folder(config));
    std::error_code ignored;
    if (config.policies_file.empty() && !std::filesystem::exists(config.policies_path(), ignored)) {
        TRY_VOID(write_policies(config.policies_path(), new_policies(random)));
        prepared.first_start = true;
        prepared.made.push_back(config.policies_path().string());
    }
    TRY(const bool scope_made, ensure_id_scope(config, random));
    if (scope_made) prepared.made.push_back(config.id_scope_path().string());
    TRY(const bool key_made, ensure_evidence_key(config, random));
    if (key_made) prepared.made.push_back(config.evidence_key_path().string());
    if (config.tls_certificates.empty())
        TRY_VOID(ensure_server_certificates(config, now, prepared));
    return prepared;
}

Result<Prepared> prepare_certificates(const Config& config, Instant now) {
    Prepared prepared;
    if (config.tls_certificates.empty())
        TRY_VOID(ensure_server_certificates(config, now, prepared));
    return prepared;
}

std::vector<std::string> check_key_material(const Config& config, Instant now) {
    KeyMaterial material;
    Gathered mistakes;
    if (!config.tls_certificates.empty()) load_certificates(config, now, material, mistakes);
    load_device_cas(config, now, material, mistakes);
    // Whoever may not read the policies of a server can still check its settings.
    if (::access(config.policies_path().c_str(), R_OK) == 0) {
        const auto policies = read_policies(config.policies_path());
        if (!policies) mistakes.add(policies.error().message);
    }
    std::vector<std::string> lines;
    for (std::string_view rest = mistakes.text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        lines.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return lines;
}

Result<KeyMaterial> load_key_material(const Config& config, Instant now) {
    KeyMaterial material;
    Gathered mistakes;
    load_certificates(config, now, material, mistakes);
    load_device_cas(config, now, material, mistakes);
    auto policies = read_policies(config.policies_path());
    if (policies) material.policies = std::move(*policies);
    else mistakes.add(policies.error().message);
    if (config.provisioning_enabled) {
        auto scope = read_id_scope(config);
        if (scope) material.id_scope = std::move(*scope);
        else mistakes.add(scope.error().message);
    }
    auto evidence = read_evidence_key(config);
    if (evidence) material.evidence_key = std::move(*evidence);
    else mistakes.add(evidence.error().message);
    if (!mistakes.text.empty()) return failure(Code::format_invalid, std::move(mistakes.text));
    return material;
}

}  // namespace twinhub::apps
