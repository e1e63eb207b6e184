#include "apps/cli/entity.h"
#include "apps/cli/generic_update.h"
#include "apps/keys/certificate.h"
#include "apps/keys/secret_file.h"
#include "base/encoding.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

namespace twinhub::apps::cli {
namespace {

constexpr int valid_days_default = 365;

std::vector<Option> identity_options(bool creates, bool module) {
    std::vector<Option> options{
        {.name = "auth-method",
         .other_names = "--am",
         .about = "How it proves itself",
         .fallback = creates ? "shared_private_key" : "",
         .choices = "shared_private_key|x509_thumbprint|x509_ca"},
        {.name = "primary-key",
         .other_names = "--pk",
         .about = "Base64 of 16 to 64 bytes; else the hub makes one"},
        {.name = "secondary-key", .other_names = "--sk", .about = "The same"},
        {.name = "primary-thumbprint",
         .other_names = "--ptp",
         .about = "Of its certificate: SHA-1 or SHA-256, in hex"},
        {.name = "secondary-thumbprint", .other_names = "--stp", .about = "Of a second one"},
    };
    if (creates) {
        options.push_back(
            {.name = "valid-days",
             .other_names = "--vd",
             .about = "Makes a self-signed certificate for so many days (365 with only --od)"});
        options.push_back({.name = "output-dir",
                           .other_names = "--od",
                           .about = "Where the certificate and its key go"});
    }
    if (!module) {
        options.push_back(edge_option("Is an edge device"));
        options.push_back({.name = "status",
                           .other_names = "--sta",
                           .about = "May it connect",
                           .fallback = creates ? "enabled" : "",
                           .choices = "enabled|disabled"});
        options.push_back({.name = "status-reason", .other_names = "--star", .about = "Why not"});
        if (creates)
            options.push_back(
                {.name = "device-scope", .about = "Scope of the edge device that it belongs to"});
    } else {
        options.push_back(
            {.name = "managed-by", .other_names = "--mb", .about = "Who manages the module"});
    }
    return options;
}

std::string type_of(const std::string& method) {
    if (equals_ignoring_case(method, "x509_thumbprint")) return "selfSigned";
    return equals_ignoring_case(method, "x509_ca") ? "certificateAuthority" : "sas";
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

// Writes ID-cert.pem and ID-key.pem, and gives the thumbprint of the certificate.
Result<std::string> make_own_certificate(Context& context) {
    const Arguments& arguments = context.arguments();
    int days = valid_days_default;
    if (arguments.has("valid-days")) {
        const std::string text = arguments.text("valid-days");
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
        if (error != std::errc{} || end != text.data() + text.size() || days < 1 || days > 36'500)
            return failure(Code::argument_invalid,
                           fmt::format("--valid-days is 1 to 36500, not '{}'", text));
    }
    const std::filesystem::path folder =
        arguments.has("output-dir") ? arguments.text("output-dir") : ".";
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder, ignored))
        return failure(Code::argument_invalid,
                       fmt::format("--output-dir '{}' is not a folder", folder.string()));
    std::string id = arguments.text("device-id");
    if (arguments.has("module-id")) id += "/" + arguments.text("module-id");
    std::string file_name = id;
    std::ranges::replace(file_name, '/', '-');

    const Instant now = context.clock().now();
    TRY(const Key key, make_key(KeyAlgorithm::ecdsa_p256));
    TRY(const Certificate certificate,
        make_device_certificate(id, *key,
                                {now - std::chrono::hours{1}, now + std::chrono::days{days}}));
    TRY_VOID(write_file(folder / (file_name + "-key.pem"), to_pem(*key), Access::owner));
    TRY_VOID(
        write_file(folder / (file_name + "-cert.pem"), to_pem(*certificate), Access::everybody));
    return sha256_thumbprint(*certificate);
}

// The checks that the Azure CLI makes before it asks.
Result<> check_authentication(const Arguments& arguments, const std::string& type) {
    const bool keys = arguments.has("primary-key") || arguments.has("secondary-key");
    const bool thumbprints =
        arguments.has("primary-thumbprint") || arguments.has("secondary-thumbprint");
    const auto refuse = [](const char* text) { return failure(Code::argument_invalid, text); };
    if (arguments.has("primary-key") != arguments.has("secondary-key"))
        return refuse("--primary-key and --secondary-key go together");
    if (keys && type != "sas") return refuse("keys are for --auth-method shared_private_key");
    if (thumbprints && type != "selfSigned")
        return refuse("thumbprints are for --auth-method x509_thumbprint");
    return {};
}

Result<json::value> create(Context& context) {
    const Arguments& arguments = context.arguments();
    const std::string type = type_of(arguments.text("auth-method"));
    TRY_VOID(check_authentication(arguments, type));
    std::string thumbprint = arguments.text("primary-thumbprint");
    const bool makes_one = arguments.has("valid-days") || arguments.has("output-dir");
    if (type == "selfSigned" && thumbprint.empty() && !makes_one)
        return failure(Code::argument_invalid,
                       "--auth-method x509_thumbprint needs --primary-thumbprint, or --valid-days "
                       "or --output-dir to make a certificate");
    if (type != "selfSigned" && makes_one)
        return failure(Code::argument_invalid,
                       "--valid-days and --output-dir are for --auth-method x509_thumbprint");
    if (type == "selfSigned" && thumbprint.empty()) {
        TRY(thumbprint, make_own_certificate(context));
    }
    json::object authentication{{"type", type}};
    if (type == "sas")
        authentication["symmetricKey"] =
            json::object{{"primaryKey", text_or_null(arguments.text("primary-key"))},
                         {"secondaryKey", text_or_null(arguments.text("secondary-key"))}};
    if (type == "selfSigned")
        authentication["x509Thumbprint"] = json::object{
            {"primaryThumbprint", text_or_null(thumbprint)},
            {"secondaryThumbprint", text_or_null(arguments.text("secondary-thumbprint"))}};

    json::object body{{"deviceId", arguments.text("device-id")},
                      {"authentication", std::move(authentication)}};
    if (arguments.has("module-id")) {
        body["moduleId"] = arguments.text("module-id");
        if (arguments.has("managed-by")) body["managedBy"] = arguments.text("managed-by");
    } else {
        const bool edge = arguments.flag("edge-enabled");
        body["capabilities"] = json::object{{"iotEdge", edge}};
        body["status"] = ascii_lower(arguments.text("status"));
        if (arguments.has("status-reason")) body["statusReason"] = arguments.text("status-reason");
        const std::string scope = arguments.text("device-scope");
        if (edge)
            body["parentScopes"] = scope.empty() ? json::array{} : json::array{json::value(scope)};
        else if (!scope.empty()) body["deviceScope"] = scope;
    }
    TRY(ServiceClient* const hub, context.hub());
    return hub->call(
        {.method = "PUT", .path = path_of("devices", arguments), .body = std::move(body)});
}

Result<json::value> show(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    TRY(json::value identity,
        hub->call({.path = path_of("devices", context.arguments()), .body = {}}));
    if (identity.is_object()) identity.get_object()["hub"] = hub->target().connection.host;
    return identity;
}

Result<json::value> list_modules(Context& context) {
    TRY(const std::uint64_t top, top_of(context.arguments()));
    TRY(ServiceClient* const hub, context.hub());
    TRY(json::value modules,
        hub->call(
            {.path = path_of("devices", context.arguments().text("device-id"), "") + "/modules",
             .body = {}}));
    if (modules.is_array() && top != 0 && modules.get_array().size() > top)
        modules.get_array().resize(top);
    return modules;
}

Outcome list_devices(Context& context) {
    if (!context.arguments().flag("identities")) return list_twins(context);
    const auto top = top_of(context.arguments());
    if (!top) return outcome_of(top.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    return outcome_of(
        (*hub)->call({.path = fmt::format("/devices?top={}",
                                          *top == 0 ? 1000 : std::min<std::uint64_t>(*top, 1000)),
                      .body = {}}),
        identity_columns);
}

// Puts the options that were given over what the hub has.
Result<> change_identity(json::object& identity, const Arguments& arguments) {
    json::value& slot = identity["authentication"];
    if (!slot.is_object()) slot.emplace_object();
    json::object& authentication = slot.get_object();
    const auto member = [&](const char* name) -> json::object& {
        json::value& value = authentication[name];
        if (!value.is_object()) value.emplace_object();
        return value.get_object();
    };
    const json::value* current = authentication.if_contains("type");
    const std::string before =
        current && current->is_string() ? std::string(current->get_string()) : "sas";
    const std::string type =
        arguments.has("auth-method") ? type_of(arguments.text("auth-method")) : before;
    TRY_VOID(check_authentication(arguments, type));
    authentication["type"] = type;
    if (arguments.has("primary-key"))
        authentication["symmetricKey"] =
            json::object{{"primaryKey", arguments.text("primary-key")},
                         {"secondaryKey", arguments.text("secondary-key")}};
    if (arguments.has("primary-thumbprint"))
        member("x509Thumbprint")["primaryThumbprint"] = arguments.text("primary-thumbprint");
    if (arguments.has("secondary-thumbprint"))
        member("x509Thumbprint")["secondaryThumbprint"] = arguments.text("secondary-thumbprint");
    if (type != before) {  // what proved it before does so no longer
        if (type != "sas")
            authentication["symmetricKey"] =
                json::object{{"primaryKey", nullptr}, {"secondaryKey", nullptr}};
        if (type != "selfSigned")
            authentication["x509Thumbprint"] =
                json::object{{"primaryThumbprint", nullptr}, {"secondaryThumbprint", nullptr}};
    }
    if (arguments.has("edge-enabled"))
        identity["capabilities"] = json::object{{"iotEdge", arguments.flag("edge-enabled")}};
    if (arguments.has("status")) identity["status"] = ascii_lower(arguments.text("status"));
    if (arguments.has("status-reason")) identity["statusReason"] = arguments.text("status-reason");
    if (arguments.has("managed-by")) identity["managedBy"] = arguments.text("managed-by");
    return {};
}

Result<json::value> update(Context& context) {
    const Arguments& arguments = context.arguments();
    const std::string path = path_of("devices", arguments);
    TRY(ServiceClient* const hub, context.hub());
    TRY(json::value identity, hub->call({.path = path, .body = {}}));
    if (!identity.is_object())
        return failure(Code::format_invalid, "the server's answer is not an identity");
    TRY_VOID(apply_generic_updates(identity, arguments));
    if (!identity.is_object())
        return failure(Code::argument_invalid, "an identity must stay an object");
    TRY_VOID(change_identity(identity.get_object(), arguments));
    return hub->call({.method = "PUT",
                      .path = path,
                      .body = std::move(identity),
                      .if_match = quoted(arguments.text("etag"))});
}

Outcome remove(Context& context) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    const auto done = (*hub)->call({.method = "DELETE",
                                    .path = path_of("devices", context.arguments()),
                                    .body = {},
                                    .if_match = quoted(context.arguments().text("etag"))});
    return done ? Outcome::nothing() : outcome_of(done.error());
}

std::function<Outcome(Context&)> identity_answer(Result<json::value> (*run)(Context&)) {
    return [run](Context& context) { return outcome_of(run(context), identity_columns); };
}

}  // namespace

std::vector<Command> identity_commands() {
    std::vector<Command> commands;
    commands.push_back({.words = "device-identity list",
                        .about = "Twins of devices, as az does; --identities for the identities",
                        .options = {edge_option("Only edge devices"),
                                    top_option("1000"),
                                    {.name = "identities",
                                     .about = "Identities instead of twins (at most 1000)",
                                     .takes = Takes::flag}},
                        .run = list_devices});
    commands.push_back({.words = "module-identity list",
                        .about = "Modules of a device",
                        .options = {device_option(), top_option("1000")},
                        .run = identity_answer(list_modules)});
    for (const bool module : {false, true}) {
        const std::string noun = module ? "module-identity" : "device-identity";
        const std::string what = module ? "a module" : "a device";
        std::vector<Option> entity{device_option()};
        if (module) entity.push_back(module_option());
        const auto with = [&](std::vector<Option> options) {
            options.insert(options.begin(), entity.begin(), entity.end());
            return options;
        };
        commands.push_back({.words = noun + " show",
                            .about = "The identity of " + what,
                            .options = entity,
                            .run = identity_answer(show)});
        commands.push_back({.words = noun + " create",
                            .about = "Adds " + what,
                            .options = with(identity_options(true, module)),
                            .run = identity_answer(create)});
        std::vector<Option> update_options = identity_options(false, module);
        std::ranges::move(generic_update_options(), std::back_inserter(update_options));
        update_options.push_back(etag_option());
        commands.push_back({.words = noun + " update",
                            .about = "Changes the identity of " + what,
                            .options = with(std::move(update_options)),
                            .run = identity_answer(update)});
        commands.push_back({.words = noun + " delete",
                            .about = "Removes " + what + " and its twin",
                            .options = with({etag_option()}),
                            .run = remove});
    }
    return commands;
}

}  // namespace twinhub::apps::cli
