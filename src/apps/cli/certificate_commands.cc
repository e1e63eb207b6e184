// The certificate authorities of devices, with the words of `az iot hub certificate`.
#include "apps/cli/certificate_files.h"
#include "apps/cli/entity.h"
#include "apps/keys/secret_file.h"
#include "base/encoding.h"

namespace twinhub::apps::cli {
namespace {

const std::vector<Column> certificate_columns{{"Name", "name"},
                                              {"Subject", "properties.subject"},
                                              {"Verified", "properties.isVerified"},
                                              {"Expiry", "properties.expiry"},
                                              {"Thumbprint", "properties.thumbprint"}};

Option name_option() {
    return {.name = "name",
            .other_names = "-n,--certificate-name",
            .about = "What the certificate is registered as",
            .required = true};
}

Option file_option(std::string about) {
    return {.name = "path", .other_names = "-p", .about = std::move(about), .required = true};
}

std::string path_of_certificate(const Arguments& arguments, std::string_view rest = {}) {
    return "/twinhub/certificates/" + percent_encode(arguments.text("name")) + std::string(rest);
}

// PEM as it is, DER as base64: both are text for the hub.
Result<std::string> text_of_file(const Arguments& arguments) {
    TRY(std::string bytes, read_file(arguments.text("path")));
    if (bytes.find("-----BEGIN ") != std::string::npos && is_valid_utf8(bytes)) return bytes;
    return base64_encode(bytes);
}

Result<json::value> list(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    TRY(json::value all, hub->call({.path = "/twinhub/certificates", .body = {}}));
    if (!all.is_object() || !all.get_object().contains("value"))
        return failure(Code::format_invalid, "the server's answer is not a list of certificates");
    return std::move(all.get_object()["value"]);
}

Result<json::value> show(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.path = path_of_certificate(context.arguments()), .body = {}});
}

Result<json::value> put(Context& context, bool creates) {
    const Arguments& arguments = context.arguments();
    TRY(std::string text, text_of_file(arguments));
    TRY(ServiceClient* const hub, context.hub());
    json::object properties{{"certificate", std::move(text)}};
    if (arguments.flag("verified")) properties["isVerified"] = true;
    return hub->call({.method = "PUT",
                      .path = path_of_certificate(arguments),
                      .body = json::object{{"properties", std::move(properties)}},
                      .if_match = creates ? "" : quoted(arguments.text("etag"))});
}

Result<json::value> create(Context& context) { return put(context, true); }
Result<json::value> update(Context& context) { return put(context, false); }

// What is done to a registered certificate: a method, a place below it, and a body.
Result<json::value> change(Context& context, std::string method, std::string_view place,
                           std::optional<json::value> body) {
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = std::move(method),
                      .path = path_of_certificate(context.arguments(), place),
                      .body = std::move(body),
                      .if_match = quoted(context.arguments().text("etag"))});
}

Result<json::value> generate_code(Context& context) {
    return change(context, "POST", "/generateVerificationCode", {});
}

Result<json::value> verify(Context& context) {
    TRY(std::string text, text_of_file(context.arguments()));
    return change(context, "POST", "/verify", json::object{{"certificate", std::move(text)}});
}

Result<json::value> set_list(Context& context) {
    TRY(std::string text, text_of_file(context.arguments()));
    return change(context, "PUT", "/revocationList",
                  json::object{{"revocationList", std::move(text)}});
}

Result<json::value> clear_list(Context& context) {
    return change(context, "DELETE", "/revocationList", {});
}

Outcome remove(Context& context) {
    const auto done = change(context, "DELETE", "", {});
    return done ? Outcome::nothing() : outcome_of(done.error());
}

std::function<Outcome(Context&)> answer(Result<json::value> (*run)(Context&)) {
    return [run](Context& context) { return outcome_of(run(context), certificate_columns); };
}

}  // namespace

std::vector<Command> certificate_commands() {
    const Option verified{.name = "verified",
                          .other_names = "-v",
                          .about = "Believe it without a proof: you answer for it",
                          .takes = Takes::flag};
    std::vector<Command> commands;
    commands.push_back({.words = "certificate list",
                        .about = "CAs whose devices may come",
                        .options = {},
                        .run = answer(list)});
    commands.push_back({.words = "certificate show",
                        .about = "One of them",
                        .options = {name_option()},
                        .run = answer(show)});
    commands.push_back(
        {.words = "certificate create",
         .about = "Registers a CA",
         .options = {name_option(), file_option("Its certificate: PEM or DER"), verified},
         .run = answer(create)});
    commands.push_back({.words = "certificate update",
                        .about = "Gives a CA another certificate",
                        .options = {name_option(), file_option("The certificate: PEM or DER"),
                                    verified, etag_option()},
                        .run = answer(update)});
    commands.push_back({.words = "certificate delete",
                        .about = "Takes a CA away; its devices are cut off",
                        .options = {name_option(), etag_option()},
                        .run = remove});
    commands.push_back({.words = "certificate generate-verification-code",
                        .about = "A code that proves who has a CA's key",
                        .options = {name_option(), etag_option()},
                        .run = answer(generate_code)});
    commands.push_back(
        {.words = "certificate verify",
         .about = "Proves it: a certificate for that code, signed by the CA",
         .options = {name_option(), file_option("The verification certificate: PEM or DER"),
                     etag_option()},
         .run = answer(verify)});
    commands.push_back(
        {.words = "certificate revocation-list set",
         .about = "What a CA has taken back; those devices are cut off",
         .options = {name_option(), file_option("The list: PEM or DER"), etag_option()},
         .run = answer(set_list)});
    commands.push_back({.words = "certificate revocation-list clear",
                        .about = "Takes the list away",
                        .options = {name_option(), etag_option()},
                        .run = answer(clear_list)});
    std::ranges::move(certificate_file_commands(), std::back_inserter(commands));
    return commands;
}

}  // namespace twinhub::apps::cli
