// `twinhub dps ...`: the provisioning service, as `az iot dps` asks it (spec service-api 12.4).
#include "apps/cli/dps/enrollment_body.h"
#include "apps/cli/dps/linked_hub_commands.h"
#include "apps/cli/entity.h"
#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <fmt/format.h>

namespace twinhub::apps::cli {
namespace {

constexpr std::uint64_t page_items = 1000;
constexpr std::size_t new_key_bytes = 64;

const std::vector<Column> enrollment_columns{{"RegistrationId", "registrationId"},
                                             {"GroupId", "enrollmentGroupId"},
                                             {"Status", "provisioningStatus"},
                                             {"Attestation", "attestation.type"},
                                             {"Allocation", "allocationPolicy"},
                                             {"DeviceId", "registrationState.deviceId"},
                                             {"AssignedHub", "registrationState.assignedHub"}};
const std::vector<Column> registration_columns{{"RegistrationId", "registrationId"},
                                               {"Status", "status"},
                                               {"AssignedHub", "assignedHub"},
                                               {"DeviceId", "deviceId"},
                                               {"Updated", "lastUpdatedDateTimeUtc"}};

Option enrollment_option(Enrolled kind) {
    return {.name = "enrollment-id",
            .other_names = "--eid",
            .about = kind == Enrolled::group ? "Id of the group" : "Registration id of the device",
            .required = true};
}

Option registration_option() {
    return {.name = "registration-id",
            .other_names = "--rid",
            .about = "Registration id of the device",
            .required = true};
}

std::string collection_of(Enrolled kind) {
    return kind == Enrolled::group ? "/enrollmentGroups" : "/enrollments";
}

std::string path_of(Enrolled kind, const Arguments& arguments) {
    return collection_of(kind) + "/" + percent_encode(arguments.text("enrollment-id"));
}

// An etag of the provisioning service has its quotes in it; the user may have left them out.
std::string match_of(const Arguments& arguments) {
    const std::string etag = arguments.text("etag");
    return etag == "*" || etag.empty() || etag.starts_with('"') ? etag : "\"" + etag + "\"";
}

Result<json::value> attestation_of(ServiceClient& service, const std::string& path) {
    return service.call({.method = "POST", .path = path + "/attestationmechanism", .body = {}});
}

// All pages, up to --top.
Result<json::value> list_of(Context& context, const std::string& path) {
    TRY(const std::uint64_t top, top_of(context.arguments()));
    TRY(ServiceClient* const service, context.provisioning());
    json::array all;
    std::string continuation;
    do {
        const std::uint64_t wanted =
            top == 0 ? page_items : std::min<std::uint64_t>(page_items, top - all.size());
        ServiceRequest request{
            .method = "POST", .path = path, .body = json::object{{"query", "SELECT *"}}};
        request.headers.emplace_back("x-ms-max-item-count", std::to_string(wanted));
        if (!continuation.empty()) request.headers.emplace_back("x-ms-continuation", continuation);
        TRY(const ServiceResponse response, service->send(request));
        if (response.status != 200) return std::unexpected(error_of(response));
        TRY(json::value page, parse_json(response.body, {.bytes_max = 64 << 20}));
        if (!page.is_array())
            return failure(Code::format_invalid, "the server's answer is not a list");
        for (json::value& item : page.get_array()) all.push_back(std::move(item));
        continuation = response.continuation;
    } while (!continuation.empty() && (top == 0 || all.size() < top));
    return all;
}

Result<json::value> create(Context& context, Enrolled kind) {
    const Arguments& arguments = context.arguments();
    json::object enrollment{{kind == Enrolled::group ? "enrollmentGroupId" : "registrationId",
                             arguments.text("enrollment-id")},
                            {"reprovisionPolicy", json::object{{"updateHubAssignment", true},
                                                               {"migrateDeviceData", true}}}};
    TRY_VOID(fill_enrollment(enrollment, arguments, kind));
    TRY(ServiceClient* const service, context.provisioning());
    return service->call(
        {.method = "PUT", .path = path_of(kind, arguments), .body = std::move(enrollment)});
}

Result<json::value> show(Context& context, Enrolled kind) {
    const std::string path = path_of(kind, context.arguments());
    TRY(ServiceClient* const service, context.provisioning());
    TRY(json::value enrollment, service->call({.path = path, .body = {}}));
    if (context.arguments().flag("show-keys") && enrollment.is_object()) {
        TRY(enrollment.get_object()["attestation"], attestation_of(*service, path));
    }
    return enrollment;
}

Result<json::value> update(Context& context, Enrolled kind) {
    const Arguments& arguments = context.arguments();
    const std::string path = path_of(kind, arguments);
    TRY(ServiceClient* const service, context.provisioning());
    TRY(json::value enrollment, service->call({.path = path, .body = {}}));
    if (!enrollment.is_object())
        return failure(Code::format_invalid, "the server's answer is not an enrollment");
    // Half of the keys may be given: the other half is what it is.
    if (arguments.has("primary-key") != arguments.has("secondary-key")) {
        TRY(enrollment.get_object()["attestation"], attestation_of(*service, path));
    }
    TRY_VOID(fill_enrollment(enrollment.get_object(), arguments, kind));
    return service->call({.method = "PUT",
                          .path = path,
                          .body = std::move(enrollment),
                          .if_match = match_of(arguments)});
}

// New keys are made here, as `az` does it: a half that stays is sent back as it is.
Result<json::value> renew_key(Context& context, Enrolled kind) {
    const Arguments& arguments = context.arguments();
    const std::string path = path_of(kind, arguments);
    TRY(ServiceClient* const service, context.provisioning());
    TRY(json::value enrollment, service->call({.path = path, .body = {}}));
    TRY(json::value attestation, attestation_of(*service, path));
    json::value* keys =
        attestation.is_object() ? attestation.get_object().if_contains("symmetricKey") : nullptr;
    if (keys == nullptr || !keys->is_object() || !enrollment.is_object())
        return failure(Code::argument_invalid, "only an enrollment with keys has keys to renew");
    json::value& primary = keys->get_object()["primaryKey"];
    json::value& secondary = keys->get_object()["secondaryKey"];
    const std::string which = ascii_lower(arguments.text("key-type"));
    if (which == "swap") primary.swap(secondary);
    if (which == "primary" || which == "both") primary = context.random().key(new_key_bytes);
    if (which == "secondary" || which == "both") secondary = context.random().key(new_key_bytes);
    enrollment.get_object()["attestation"] = attestation;
    TRY(json::value renewed, service->call({.method = "PUT",
                                            .path = path,
                                            .body = std::move(enrollment),
                                            .if_match = match_of(arguments)}));
    if (renewed.is_object()) renewed.get_object()["attestation"] = std::move(attestation);
    return renewed;
}

Outcome remove(Context& context, const std::string& path) {
    const auto service = context.provisioning();
    if (!service) return outcome_of(service.error());
    const auto done = (*service)->call(
        {.method = "DELETE", .path = path, .body = {}, .if_match = match_of(context.arguments())});
    return done ? Outcome::nothing() : outcome_of(done.error());
}

// The key of a device under a group: of the key given, or of the group's own primary one.
Result<json::value> compute_key(Context& context) {
    const Arguments& arguments = context.arguments();
    std::string group_key = arguments.text("key");
    if (group_key.empty()) {
        if (!arguments.has("enrollment-id"))
            return failure(Code::argument_invalid, "--key or --enrollment-id is needed");
        TRY(ServiceClient* const service, context.provisioning());
        TRY(const json::value attestation,
            attestation_of(*service, path_of(Enrolled::group, arguments)));
        const json::value* keys = attestation.is_object()
                                      ? attestation.get_object().if_contains("symmetricKey")
                                      : nullptr;
        if (keys == nullptr || !keys->is_object())
            return failure(Code::argument_invalid, "only a group with keys has keys for devices");
        group_key = keys->get_object().at("primaryKey").as_string();
    }
    const auto decoded = base64_decode(group_key);
    if (!decoded) return failure(Code::argument_invalid, "--key must be base64");
    return json::value(protocol::sas::derive_key(*decoded, arguments.text("registration-id")));
}

Result<json::value> show_service(Context& context) {
    TRY(ServiceClient* const service, context.provisioning());
    return service->call({.path = "/twinhub/provisioning", .body = {}});
}

Result<json::value> show_registration(Context& context, const char* option) {
    TRY(ServiceClient* const service, context.provisioning());
    return service->call(
        {.path = "/registrations/" + percent_encode(context.arguments().text(option)), .body = {}});
}

using Run = Result<json::value> (*)(Context&, Enrolled);

std::function<Outcome(Context&)> enrollment_answer(Run run, Enrolled kind) {
    return [run, kind](Context& context) {
        return outcome_of(run(context, kind), enrollment_columns);
    };
}

void add_registration_commands(std::vector<Command>& commands, const std::string& noun,
                               const Option& id) {
    commands.push_back({.words = noun + " registration show",
                        .about = "What became of a device's registration",
                        .options = {id},
                        .run = [name = id.name](Context& context) {
                            return outcome_of(show_registration(context, name.c_str()),
                                              registration_columns);
                        }});
    commands.push_back({.words = noun + " registration delete",
                        .about = "Forgets a registration; the device stays in its hub",
                        .options = {id, etag_option()},
                        .run = [name = id.name](Context& context) {
                            return remove(
                                context,
                                "/registrations/" + percent_encode(context.arguments().text(name)));
                        }});
}

void add_enrollment_commands(std::vector<Command>& commands, Enrolled kind) {
    const std::string noun = kind == Enrolled::group ? "dps enrollment-group" : "dps enrollment";
    const std::string what = kind == Enrolled::group ? "a group of devices" : "one device";
    const Option id = enrollment_option(kind);
    const auto with = [&](std::vector<Option> options) {
        options.insert(options.begin(), id);
        return options;
    };
    commands.push_back({.words = noun + " create",
                        .about = "Lets " + what + " register",
                        .options = with(enrollment_options(kind, true)),
                        .run = enrollment_answer(create, kind)});
    commands.push_back({.words = noun + " show",
                        .about = "The enrollment of " + what,
                        .options = with({{.name = "show-keys",
                                          .other_names = "--keys",
                                          .about = "With its keys",
                                          .takes = Takes::flag}}),
                        .run = enrollment_answer(show, kind)});
    commands.push_back({.words = noun + " list",
                        .about = "All enrollments of this kind",
                        .options = {top_option("-1")},
                        .run = [kind](Context& context) {
                            return outcome_of(list_of(context, collection_of(kind) + "/query"),
                                              enrollment_columns);
                        }});
    std::vector<Option> changes = enrollment_options(kind, false);
    changes.push_back(etag_option());
    commands.push_back({.words = noun + " update",
                        .about = "Changes the enrollment of " + what,
                        .options = with(std::move(changes)),
                        .run = enrollment_answer(update, kind)});
    commands.push_back({.words = noun + " delete",
                        .about = "Lets " + what + " register no more; devices stay in their hub",
                        .options = with({etag_option()}),
                        .run = [kind](Context& context) {
                            return remove(context, path_of(kind, context.arguments()));
                        }});
    commands.push_back({.words = noun + " renew-key",
                        .about = "Gives the enrollment new keys",
                        .options = with({{.name = "key-type",
                                          .other_names = "--kt",
                                          .about = "Which key",
                                          .required = true,
                                          .choices = "primary|secondary|both|swap"},
                                         etag_option()}),
                        .run = enrollment_answer(renew_key, kind)});
}

}  // namespace

std::vector<Command> dps_commands() {
    std::vector<Command> commands;
    commands.push_back({.words = "dps show",
                        .about = "The provisioning service: its id scope, its hubs",
                        .options = {},
                        .run = [](Context& context) { return outcome_of(show_service(context)); }});
    add_linked_hub_commands(commands);
    add_enrollment_commands(commands, Enrolled::device);
    add_registration_commands(commands, "dps enrollment", enrollment_option(Enrolled::device));
    add_enrollment_commands(commands, Enrolled::group);
    add_registration_commands(commands, "dps enrollment-group", registration_option());
    commands.push_back(
        {.words = "dps enrollment-group registration list",
         .about = "Registrations of the devices of a group",
         .options = {enrollment_option(Enrolled::group), top_option("-1")},
         .run = [](Context& context) {
             return outcome_of(
                 list_of(context, "/registrations/" +
                                      percent_encode(context.arguments().text("enrollment-id")) +
                                      "/query"),
                 registration_columns);
         }});
    commands.push_back(
        {.words = "dps enrollment-group compute-device-key",
         .about = "The key of a device under a group",
         .options = {registration_option(),
                     {.name = "enrollment-id", .other_names = "--eid", .about = "Id of the group"},
                     {.name = "key", .about = "A key of the group, instead of asking for it"}},
         .run = [](Context& context) { return outcome_of(compute_key(context)); }});
    return commands;
}

}  // namespace twinhub::apps::cli
