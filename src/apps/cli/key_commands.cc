#include "apps/cli/entity.h"
#include "base/encoding.h"

#include <fmt/format.h>

namespace twinhub::apps::cli {
namespace {

constexpr std::size_t renew_items_max = 100;  // spec service-api 4.7

std::string member_text(const json::value& value, std::string_view a, std::string_view b = {}) {
    const json::value* at = value.is_object() ? value.get_object().if_contains(a) : nullptr;
    if (at && !b.empty()) at = at->is_object() ? at->get_object().if_contains(b) : nullptr;
    return at && at->is_string() ? std::string(at->get_string()) : "";
}

const json::value* authentication_of(const json::value& identity) {
    return identity.is_object() ? identity.get_object().if_contains("authentication") : nullptr;
}

Result<json::value> swap_keys(ServiceClient& hub, const std::string& path,
                              const std::string& etag) {
    TRY(json::value identity, hub.call({.path = path, .body = {}}));
    const json::value* authentication = authentication_of(identity);
    if (!authentication || member_text(*authentication, "type") != "sas")
        return failure(Code::argument_invalid, "only an identity with keys has keys to renew");
    const std::string primary = member_text(*authentication, "symmetricKey", "primaryKey");
    const std::string secondary = member_text(*authentication, "symmetricKey", "secondaryKey");
    identity.get_object()["authentication"].get_object()["symmetricKey"] =
        json::object{{"primaryKey", secondary}, {"secondaryKey", primary}};
    return hub.call(
        {.method = "PUT", .path = path, .body = std::move(identity), .if_match = quoted(etag)});
}

// What to renew: the devices (or modules of one device) that were named, and the modules of each.
Result<json::array> items_to_renew(ServiceClient& hub, const Arguments& arguments, bool module) {
    json::array items;
    const std::string device = arguments.text("device-id");
    std::vector<std::string> devices = arguments.list("device-id");
    if (module) {
        std::vector<std::string> modules = arguments.list("module-id");
        if (modules == std::vector<std::string>{"*"}) {
            modules.clear();
            TRY(const json::value found,
                hub.call({.path = path_of("devices", device, "") + "/modules", .body = {}}));
            if (found.is_array())
                for (const json::value& item : found.get_array())
                    modules.push_back(member_text(item, "moduleId"));
        }
        for (const std::string& name : modules)
            items.push_back(json::object{{"id", device}, {"moduleId", name}});
        return items;
    }
    if (devices == std::vector<std::string>{"*"}) {
        devices.clear();
        TRY(const json::array twins, hub.query({.text = "select deviceId from devices"}));
        for (const json::value& twin : twins) devices.push_back(member_text(twin, "deviceId"));
    }
    for (const std::string& name : devices) {
        items.push_back(json::object{{"id", name}});
        if (!arguments.flag("include-modules")) continue;
        TRY(const json::value modules,
            hub.call({.path = path_of("devices", name, "") + "/modules", .body = {}}));
        if (!modules.is_array()) continue;
        for (const json::value& item : modules.get_array())
            if (!member_text(item, "moduleId").starts_with('$'))
                items.push_back(
                    json::object{{"id", name}, {"moduleId", member_text(item, "moduleId")}});
    }
    return items;
}

Result<json::value> regenerate(ServiceClient& hub, const json::array& items,
                               const std::string& policy_key) {
    json::array rotated, errors;
    for (std::size_t begin = 0; begin < items.size(); begin += renew_items_max) {
        const auto end = items.begin() + static_cast<std::ptrdiff_t>(
                                             std::min(begin + renew_items_max, items.size()));
        const json::array batch(items.begin() + static_cast<std::ptrdiff_t>(begin), end);
        TRY(const ServiceResponse response,
            hub.send({.method = "POST",
                      .path = "/devices/keys/regenerate",
                      .body = json::object{{"policyKey", policy_key}, {"devices", batch}}}));
        const auto body = parse_json(response.body);
        // 400 says that none of the batch was renewed, and why, in the same form (4.7).
        if (!body || !body->is_object() || !body->get_object().contains("rotatedKeys"))
            return std::unexpected(error_of(response));
        const auto take = [&](const char* name, json::array& into) {
            const json::value* list = body->get_object().if_contains(name);
            if (list && list->is_array())
                into.insert(into.end(), list->get_array().begin(), list->get_array().end());
        };
        take("rotatedKeys", rotated);
        take("errors", errors);
    }
    return json::object{{"policyKey", policy_key}, {"rotatedKeys", rotated}, {"errors", errors}};
}

Result<json::value> renew(Context& context, bool module) {
    const Arguments& arguments = context.arguments();
    const std::string kind = ascii_lower(arguments.text("key-type"));
    const std::vector<std::string> named = arguments.list(module ? "module-id" : "device-id");
    const bool is_one = named.size() == 1 && named[0] != "*" && !arguments.flag("include-modules");
    if (kind == "swap" && !is_one)
        return failure(Code::argument_invalid, "--key-type swap is for one identity at a time");
    if (kind != "swap" && arguments.has("etag"))
        return failure(Code::argument_invalid, "--etag is for --key-type swap only");
    TRY(ServiceClient* const hub, context.hub());
    const std::string path = module ? path_of("devices", arguments.text("device-id"), named.at(0))
                                    : path_of("devices", named.at(0), "");
    if (kind == "swap") return swap_keys(*hub, path, arguments.text("etag"));
    TRY(const json::array items, items_to_renew(*hub, arguments, module));
    TRY(json::value result, regenerate(*hub, items, kind == "both" ? "both" : kind + "Key"));
    if (!is_one) return result;
    const json::array& errors = result.get_object()["errors"].get_array();
    if (!errors.empty())
        return failure(Code::internal, fmt::format("{}: {}", member_text(errors[0], "errorCode"),
                                                   member_text(errors[0], "errorStatus")));
    return hub->call({.path = path, .body = {}});
}

Result<json::value> connection_string(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(ServiceClient* const hub, context.hub());
    TRY(const json::value identity, hub->call({.path = path_of("devices", arguments), .body = {}}));
    const json::value* authentication = authentication_of(identity);
    ConnectionString text{.host = hub->target().connection.host,
                          .device = arguments.text("device-id"),
                          .module = arguments.text("module-id")};
    if (authentication && member_text(*authentication, "type") == "sas") {
        const bool second = equals_ignoring_case(arguments.text("key-type"), "secondary");
        text.key =
            member_text(*authentication, "symmetricKey", second ? "secondaryKey" : "primaryKey");
    }
    return json::object{{"connectionString", text.text()}};
}

}  // namespace

std::vector<Command> key_commands() {
    std::vector<Command> commands;
    for (const bool module : {false, true}) {
        const std::string noun = module ? "module-identity" : "device-identity";
        Option device = device_option(), module_of = module_option();
        Option& named = module ? module_of : device;
        named.takes = Takes::many;
        named.about += "s, or '*' for all";
        std::vector<Option> options{device};
        if (module) options.push_back(module_of);
        options.push_back({.name = "key-type",
                           .other_names = "--kt",
                           .about = "Which key",
                           .required = true,
                           .choices = "primary|secondary|both|swap"});
        if (!module)
            options.push_back({.name = "include-modules",
                               .other_names = "--im",
                               .about = "Of the devices' modules too",
                               .takes = Takes::flag});
        options.push_back(etag_option());
        options.push_back(
            {.name = "no-progress", .about = "Accepted and ignored", .takes = Takes::flag});
        commands.push_back({.words = noun + " renew-key",
                            .about = "Gives new keys, or swaps them",
                            .options = options,
                            .run = [module](Context& context) {
                                return outcome_of(renew(context, module), identity_columns);
                            }});

        std::vector<Option> show_options{device_option()};
        if (module) show_options.push_back(module_option());
        show_options.push_back({.name = "key-type",
                                .other_names = "--kt",
                                .about = "Which key",
                                .fallback = "primary",
                                .choices = "primary|secondary"});
        commands.push_back(
            {.words = noun + " connection-string show",
             .about = "What " + std::string(module ? "a module" : "a device") + " connects with",
             .options = show_options,
             .run = [](Context& context) { return outcome_of(connection_string(context)); }});
    }
    return commands;
}

}  // namespace twinhub::apps::cli
