#include "twin/secrets/detect.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace twinhub::twin {
namespace {

// One shape. `anchor` is what each match contains, in lower case, as a pattern that is cheap to
// look for: only strings with an anchor are tried against the whole shape.
struct Detector {
    std::string_view name;
    std::string_view what;
    std::string_view anchor;
    std::string_view shape;
};

constexpr std::array detectors{
    Detector{
        "conn.sharedkey", "a connection string with its key", "sharedaccesskey=",
        R"((?i)\b(?:hostname|endpoint)=[^;\s]+;(?:[a-z]{2,24}=[^;]*;){0,4}sharedaccesskey=[a-z0-9+/]{16,128}={0,2})"},
    Detector{"conn.accountkey", "a storage account's key",
             "accountkey=", R"((?i)\baccountkey=[a-z0-9+/]{40,128}={0,2})"},
    Detector{"sas.token", "a signed access token", "sharedaccesssignature",
             R"((?i)\bsharedaccesssignature\s+(?:[a-z]{2,3}=[^&\s]+&){0,4}sig=[a-z0-9+/%]{20,})"},
    Detector{
        "az.key32", "a cloud service's key", R"(aiot|\+asb|\+aeh|\+arm|azeg|azca)",
        R"((?:^|[^A-Za-z0-9+/])[A-Za-z0-9+/]{33}(?:AIoT|\+ASb|\+AEh|\+ARm|AZEG|AzCa)[A-Za-z0-9+/]{6}=(?:$|[^A-Za-z0-9+/=]))"},
    Detector{
        "az.key64", "a cloud service's key", R"(\+ast|acdb|\+aba|apim|\+amc)",
        R"((?:^|[^A-Za-z0-9+/])[A-Za-z0-9+/]{76}(?:\+ASt|ACDb|\+ABa|APIM|\+AMC)[A-Za-z0-9+/]{6}==)"},
    Detector{
        "entra.secret", "a directory application's password", "[78]q~",
        R"((?:^|[^A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}(?:$|[^A-Za-z0-9_~.-]))"},
    Detector{"aws.keyid", "a cloud access key id", "akia|asia|abia|acca",
             R"(\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b)"},
    Detector{"gcp.apikey", "a cloud API key", "aiza",
             R"(\bAIza[A-Za-z0-9_-]{35}(?:$|[^A-Za-z0-9_-]))"},
    Detector{"gcp.oauthsecret", "an OAuth client's secret", "gocspx-",
             R"(\bGOCSPX-[A-Za-z0-9_-]{28})"},
    Detector{"github.token", "a code host's token", "gh[pousr]_",
             R"(\bgh[pousr]_[A-Za-z0-9]{36,255}\b)"},
    Detector{"github.finegrained", "a code host's token", "github_pat_",
             R"(\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b)"},
    Detector{"gitlab.token", "a code host's token", "gl(?:pat|dt|rt|cbt|ptt|soat|agent)-",
             R"(\bgl(?:pat|dt|rt|cbt|ptt|soat|agent)-[A-Za-z0-9_.-]{20,})"},
    Detector{"npm.token", "a package registry's token", "npm_", R"(\bnpm_[A-Za-z0-9]{36}\b)"},
    Detector{"slack.token", "a chat service's token", "xox[abeops]|xapp-",
             R"(\b(?:xox[abeoprs](?:\.xox[bp])?-|xapp-)[A-Za-z0-9-]{16,})"},
    Detector{"stripe.key", "a payment service's key", "[rs]k_(?:live|test)_|whsec_",
             R"(\b(?:[rs]k_(?:live|test)_|whsec_)[A-Za-z0-9+/]{16,})"},
    Detector{"sendgrid.key", "a mail service's key", R"(sg\.)",
             R"(\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})"},
    Detector{"vault.token", "a vault's token", R"(hv[sbr]\.)", R"(\bhv[sbr]\.[A-Za-z0-9_-]{24,})"},
    Detector{"age.key", "a private key", "age-secret-key-1",
             R"(\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b)"},
    Detector{"pem.private", "a private key", "private key",
             R"(-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----)"},
    Detector{"putty.key", "a private key", "putty-user-key-file", R"(PuTTY-User-Key-File-[23]:)"},
    Detector{
        "der.private", "a private key", "ibad|ibaa|agea|agebb|caqee|mc4caqaw",
        R"((?:^|[^A-Za-z0-9+/])M(?:I[A-Za-z0-9+/]{4}IBA(?:DA|AK)|I[GH][A-Za-z0-9+/]{1,2}AgEAM|I[GH][A-Za-z0-9+/]{1,2}AgEBBD|[GH][A-Za-z0-9+/]CAQEE|C4CAQAw)[A-Za-z0-9+/]{40,})"},
    Detector{"pkcs12", "a bundle with a private key", "ibazcc",
             R"((?:^|[^A-Za-z0-9+/])MI[A-Za-z0-9+/]{3,5}IBAzCC[A-Za-z0-9+/]{40,})"},
    Detector{"wifi.qr", "a wireless network's pass phrase",
             "wifi:", R"((?i)\bwifi:(?:[stehr]:[^;]{0,64};){0,4}p:[^;]{8,63};)"},
};

// The shortest text that any shape matches (aws.keyid); shorter ones are not looked at.
constexpr std::size_t shortest = 18;

struct Compiled {
    Compiled() : anchors(re2::RE2::Options(), re2::RE2::UNANCHORED) {
        re2::RE2::Options options;
        options.set_log_errors(false);
        re2::RE2::Options folded = options;
        folded.set_case_sensitive(false);
        anchors = re2::RE2::Set(folded, re2::RE2::UNANCHORED);
        for (const Detector& detector : detectors) {
            anchors.Add(re2::StringPiece(detector.anchor.data(), detector.anchor.size()), nullptr);
            shapes.push_back(std::make_unique<re2::RE2>(
                re2::StringPiece(detector.shape.data(), detector.shape.size()), options));
        }
        anchors.Compile();
    }
    re2::RE2::Set anchors;
    std::vector<std::unique_ptr<re2::RE2>> shapes;
};

const Compiled& compiled() {
    static const Compiled all;
    return all;
}

const Detector* detector_of(std::string_view text) {
    if (text.size() < shortest || text.starts_with("vault://") ||
        text.starts_with("device-secret://"))
        return nullptr;
    const re2::StringPiece piece(text.data(), text.size());
    std::vector<int> anchored;
    if (!compiled().anchors.Match(piece, &anchored)) return nullptr;
    for (const int index : anchored) {
        const auto at = static_cast<std::size_t>(index);
        if (re2::RE2::PartialMatch(piece, *compiled().shapes[at])) return &detectors[at];
    }
    return nullptr;
}

std::optional<SecretFound> look_at(const json::value& value);

// Paths are made on the way back: nearly always there is none to make.
std::optional<SecretFound> look_at(const json::object& object) {
    for (const auto& [key, member] : object) {
        // When the key itself is the secret, its place is told without it.
        if (const Detector* detector = detector_of(key))
            return SecretFound{{}, detector->name, detector->what};
        if (auto found = look_at(member)) {
            found->path.insert(0, "." + std::string(key));
            return found;
        }
    }
    return std::nullopt;
}

std::optional<SecretFound> look_at(const json::value& value) {
    if (const auto* text = value.if_string()) {
        if (const Detector* detector = detector_of({text->data(), text->size()}))
            return SecretFound{{}, detector->name, detector->what};
    } else if (const auto* object = value.if_object()) {
        return look_at(*object);
    } else if (const auto* array = value.if_array()) {
        for (std::size_t i = 0; i < array->size(); ++i)
            if (auto found = look_at((*array)[i])) {
                found->path.insert(0, "[" + std::to_string(i) + "]");
                return found;
            }
    }
    return std::nullopt;
}

template <class Value>
std::optional<SecretFound> look_below(std::string_view path, const Value& value) {
    auto found = look_at(value);
    if (found) found->path.insert(0, path);
    return found;
}

}  // namespace

std::string_view secret_in(std::string_view text) {
    const Detector* detector = detector_of(text);
    return detector == nullptr ? std::string_view{} : detector->name;
}

std::optional<SecretFound> find_secret(const json::object& object, std::string_view path) {
    return look_below(path, object);
}

std::optional<SecretFound> find_secret(const ServiceUpdate& update) {
    std::optional<SecretFound> found;
    if (update.tags) found = look_below(path_of(Part::tags), update.tags->body());
    if (!found && update.desired)
        found = look_below(path_of(Part::desired), update.desired->body());
    return found;
}

Error refusal(const SecretFound& found) {
    return {Code::argument_invalid,
            std::string(found.path) + " holds " + std::string(found.what) + " (" +
                std::string(found.detector) +
                "). Twins are read by many and kept in history: nothing was stored. Name where the "
                "secret is kept instead, as vault://STORE/PATH or device-secret://NAME",
            found.path};
}

}  // namespace twinhub::twin
