#include "apps/cli/certificate_files.h"

#include "apps/cli/context.h"
#include "apps/keys/certificate.h"
#include "apps/keys/secret_file.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

namespace twinhub::apps::cli {
namespace {

constexpr int days_max = 36'500;

// A CA on disk: its certificate with those above it, and its key.
struct Signer {
    std::vector<Certificate> chain;  // the CA first
    Key key;
    Issuer issuer() const { return {*chain.front(), *key}; }
};

Result<Signer> read_signer(const Arguments& arguments) {
    const std::string certificate_file = arguments.text("ca-cert");
    const std::string key_file = arguments.text("ca-key");
    Signer signer;
    TRY(const std::string certificates, read_file(certificate_file));
    auto chain = parse_certificates(certificates);
    if (!chain)
        return failure(chain.error().code,
                       fmt::format("'{}': {}", certificate_file, chain.error().message));
    signer.chain = std::move(*chain);
    TRY(const std::string key_text, read_secret_file(key_file));
    auto key = parse_key(key_text);
    if (!key)
        return failure(key.error().code, fmt::format("'{}': {}", key_file, key.error().message));
    signer.key = std::move(*key);
    if (!matches(*signer.chain.front(), *signer.key))
        return failure(Code::argument_invalid,
                       fmt::format("'{}' is not the key of '{}'", key_file, certificate_file));
    return signer;
}

Result<Lifetime> lifetime_of(Context& context) {
    const std::string text = context.arguments().text("valid-days");
    int days = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
    if (error != std::errc{} || end != text.data() + text.size() || days < 1 || days > days_max)
        return failure(Code::argument_invalid,
                       fmt::format("--valid-days is 1 to {}, not '{}'", days_max, text));
    const Instant now = std::chrono::floor<std::chrono::seconds>(context.clock().now());
    return Lifetime{now - std::chrono::hours{1}, now + std::chrono::days{days}};
}

Result<std::filesystem::path> folder_of(const Arguments& arguments) {
    std::filesystem::path folder = arguments.text("output-dir");
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored))
        return failure(Code::argument_invalid,
                       fmt::format("--output-dir '{}' is not a folder", folder.string()));
    return folder;
}

// Writes NAME-cert.pem and NAME-key.pem, and says what is in them.
Result<json::value> write_pair(const Arguments& arguments, const Certificate& certificate,
                               EVP_PKEY& key, std::span<const Certificate> above) {
    TRY(const std::filesystem::path folder, folder_of(arguments));
    std::string name = arguments.text(arguments.has("file-name") ? "file-name" : "common-name");
    std::ranges::replace(name, '/', '-');
    std::ranges::replace(name, ' ', '-');
    const std::filesystem::path certificate_file = folder / (name + "-cert.pem");
    const std::filesystem::path key_file = folder / (name + "-key.pem");
    std::string text = to_pem(*certificate);
    // What comes along helps a hub that knows the root alone; a root it must know by itself.
    for (const Certificate& one : above)
        if (X509_self_signed(one.get(), 0) != 1) text += to_pem(*one);
    TRY_VOID(write_file(key_file, to_pem(key), Access::owner));
    TRY_VOID(write_file(certificate_file, text, Access::everybody));
    return json::object{{"commonName", arguments.text("common-name")},
                        {"certificate", certificate_file.string()},
                        {"key", key_file.string()},
                        {"thumbprint", sha1_thumbprint(*certificate)},
                        {"sha256Thumbprint", sha256_thumbprint(*certificate)},
                        {"notAfter", format_instant(expires_at(*certificate))}};
}

Result<json::value> make_authority(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(const Lifetime lifetime, lifetime_of(context));
    if (arguments.has("ca-cert") != arguments.has("ca-key"))
        return failure(Code::argument_invalid, "--ca-cert and --ca-key go together");
    std::optional<Signer> signer;
    std::optional<Issuer> issuer;
    if (arguments.has("ca-cert")) {
        TRY(signer, read_signer(arguments));
        issuer.emplace(signer->issuer());
    }
    TRY(const Key key, make_key(KeyAlgorithm::ecdsa_p256));
    TRY(const Certificate certificate,
        make_device_authority(arguments.text("common-name"), *key, issuer ? &*issuer : nullptr,
                              lifetime));
    return write_pair(
        arguments, certificate, *key,
        signer ? std::span<const Certificate>(signer->chain) : std::span<const Certificate>());
}

Result<json::value> make_leaf(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(const Lifetime lifetime, lifetime_of(context));
    TRY(const Signer signer, read_signer(arguments));
    TRY(const Key key, make_key(KeyAlgorithm::ecdsa_p256));
    TRY(const Certificate certificate,
        make_signed_device_certificate(arguments.text("common-name"), *key, signer.issuer(),
                                       lifetime));
    return write_pair(arguments, certificate, *key, signer.chain);
}

Result<json::value> make_list(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(const Lifetime lifetime, lifetime_of(context));
    TRY(const Signer signer, read_signer(arguments));
    std::vector<Certificate> revoked;
    for (const std::string& file : arguments.list("revoke")) {
        TRY(const std::string text, read_file(file));
        auto certificates = parse_certificates(text);
        if (!certificates)
            return failure(certificates.error().code,
                           fmt::format("'{}': {}", file, certificates.error().message));
        // The first is the one; what follows it is its chain.
        revoked.push_back(std::move(certificates->front()));
    }
    // Later lists have larger numbers, wherever they are made.
    const auto number = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(context.clock().now().time_since_epoch())
            .count());
    TRY(const std::string list, make_revocation_list(revoked, signer.issuer(), number, lifetime));
    const std::string file = arguments.text("path");
    TRY_VOID(write_file(file, list, Access::everybody));
    return json::object{{"revocationList", file},
                        {"number", number},
                        {"revoked", revoked.size()},
                        {"nextUpdate", format_instant(lifetime.to)}};
}

Command local(std::string words, std::string about, std::vector<Option> options,
              Result<json::value> (*run)(Context&)) {
    return {.words = std::move(words),
            .about = std::move(about),
            .options = std::move(options),
            .run = [run](Context& context) { return outcome_of(run(context)); },
            .talks_to_hub = false};
}

}  // namespace

std::vector<Command> certificate_file_commands() {
    const auto common_name = [](std::string about) {
        return Option{.name = "common-name",
                      .other_names = "--cn",
                      .about = std::move(about),
                      .required = true};
    };
    const auto signer = [](bool required) {
        return std::vector<Option>{{.name = "ca-cert",
                                    .about = "Certificate of the CA that signs, and those above it",
                                    .required = required},
                                   {.name = "ca-key", .about = "Its key", .required = required}};
    };
    const auto days = [](std::string fallback) {
        return Option{.name = "valid-days",
                      .other_names = "--vd",
                      .about = "How long it is good",
                      .fallback = std::move(fallback)};
    };
    const Option folder{.name = "output-dir",
                        .other_names = "--od",
                        .about = "Where NAME-cert.pem and NAME-key.pem go",
                        .fallback = "."};
    const Option file_name{.name = "file-name",
                           .about = "NAME in it, when it is not to be the common name"};
    const auto with = [&](std::vector<Option> options, bool required) {
        std::ranges::move(signer(required), std::back_inserter(options));
        return options;
    };
    return {
        local("certificate make-ca", "Makes a CA for devices, a root or one that another signs",
              with({common_name("What it is called"), days("3650"), folder, file_name}, false),
              make_authority),
        local("certificate make-leaf", "Makes a device's certificate, or a proof for a code",
              with({common_name("The device id, DEVICE/MODULE, or the verification code"),
                    days("365"), folder, file_name},
                   true),
              make_leaf),
        local("certificate make-revocation-list", "Makes the list of what a CA has taken back",
              with({{.name = "path",
                     .other_names = "-p",
                     .about = "The file to write",
                     .required = true},
                    {.name = "revoke",
                     .about = "Certificates to take back: all of them, each time",
                     .takes = Takes::many},
                    days("30")},
                   true),
              make_list),
    };
}

}  // namespace twinhub::apps::cli
