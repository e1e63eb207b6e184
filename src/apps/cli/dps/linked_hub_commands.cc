// `twinhub dps linked-hub ...`: other hubs that devices are assigned to, named as `az iot dps
// linked-hub` has them.
#include "apps/cli/dps/linked_hub_commands.h"

#include "apps/cli/entity.h"
#include "apps/config/settings.h"
#include "base/encoding.h"
#include "protocol/sas/connection_string.h"

#include <fstream>

namespace twinhub::apps::cli {
namespace {

const std::vector<Column> columns{{"Name", "name"},
                                  {"Weight", "allocationWeight"},
                                  {"AppliesPolicy", "applyAllocationPolicy"},
                                  {"Updated", "lastUpdatedDateTimeUtc"}};

constexpr std::size_t file_bytes_max = 64 * 1024;

Option name_option() {
    return {.name = "linked-hub", .about = "Host name of the linked hub", .required = true};
}

// What `create` and `update` share.
std::vector<Option> link_options() {
    return {{.name = "connection-string",
             .other_names = "--cs",
             .about = "Connection string of a policy of that hub, or a file with it"},
            {.name = "allocation-weight", .about = "Its share of the devices, 0 to 1000"},
            {.name = "apply-allocation-policy",
             .about = "Whether enrollments that name no hub use it",
             .takes = Takes::flag}};
}

std::string path_of(std::string_view host) {
    return "/twinhub/provisioning/linkedHubs/" + percent_encode(host);
}

std::string match_of(const Arguments& arguments) {
    const std::string etag = arguments.text("etag");
    return etag == "*" || etag.empty() || etag.starts_with('"') ? etag : "\"" + etag + "\"";
}

// A secret had better not be in the list of processes: a file will do.
std::string given_or_file(const std::string& text) {
    std::ifstream file(text);
    if (text.find(';') != std::string::npos || !file) return text;
    std::string content(file_bytes_max, '\0');
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(file.gcount()));
    while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
    return content;
}

Result<json::object> body_of(const Arguments& arguments, const std::string& connection) {
    json::object body;
    if (!connection.empty()) body["connectionString"] = connection;
    if (arguments.has("allocation-weight")) {
        const auto weight = parse_count(arguments.text("allocation-weight"));
        if (!weight)
            return failure(Code::argument_invalid, "--allocation-weight must be 0 to 1000");
        body["allocationWeight"] = *weight;
    }
    if (arguments.has("apply-allocation-policy"))
        body["applyAllocationPolicy"] = arguments.flag("apply-allocation-policy");
    return body;
}

Result<json::value> create(Context& context) {
    const std::string connection = given_or_file(context.arguments().text("connection-string"));
    TRY(const auto parsed, protocol::sas::ConnectionString::parse(connection));
    TRY(json::object body, body_of(context.arguments(), connection));
    TRY(ServiceClient* const service, context.provisioning());
    return service->call({.method = "PUT", .path = path_of(parsed.host), .body = std::move(body)});
}

Result<json::value> update(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(json::object body, body_of(arguments, given_or_file(arguments.text("connection-string"))));
    TRY(ServiceClient* const service, context.provisioning());
    return service->call({.method = "PUT",
                          .path = path_of(arguments.text("linked-hub")),
                          .body = std::move(body),
                          .if_match = match_of(arguments)});
}

Result<json::value> get(Context& context, const std::string& path) {
    TRY(ServiceClient* const service, context.provisioning());
    return service->call({.path = path, .body = {}});
}

Outcome remove(Context& context) {
    const auto service = context.provisioning();
    if (!service) return outcome_of(service.error());
    const auto done = (*service)->call({.method = "DELETE",
                                        .path = path_of(context.arguments().text("linked-hub")),
                                        .body = {},
                                        .if_match = match_of(context.arguments())});
    return done ? Outcome::nothing() : outcome_of(done.error());
}

}  // namespace

void add_linked_hub_commands(std::vector<Command>& commands) {
    std::vector<Option> creates = link_options();
    creates.front().required = true;
    commands.push_back(
        {.words = "dps linked-hub create",
         .about = "Lets devices be assigned to another hub",
         .options = std::move(creates),
         .run = [](Context& context) { return outcome_of(create(context), columns); }});
    commands.push_back({.words = "dps linked-hub list",
                        .about = "The hubs that are linked",
                        .options = {},
                        .run = [](Context& context) {
                            return outcome_of(get(context, "/twinhub/provisioning/linkedHubs"),
                                              columns);
                        }});
    commands.push_back({.words = "dps linked-hub show",
                        .about = "A linked hub, without its key",
                        .options = {name_option()},
                        .run = [](Context& context) {
                            return outcome_of(
                                get(context, path_of(context.arguments().text("linked-hub"))),
                                columns);
                        }});
    std::vector<Option> changes = link_options();
    changes.insert(changes.begin(), name_option());
    changes.push_back(etag_option());
    commands.push_back(
        {.words = "dps linked-hub update",
         .about = "Changes how a linked hub is used or reached",
         .options = std::move(changes),
         .run = [](Context& context) { return outcome_of(update(context), columns); }});
    commands.push_back({.words = "dps linked-hub delete",
                        .about = "Assigns no devices to a hub any more; those there stay",
                        .options = {name_option(), etag_option()},
                        .run = remove});
}

}  // namespace twinhub::apps::cli
