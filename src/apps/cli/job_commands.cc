// Scheduled jobs (spec service-api 12.3, named after az iot hub job).
#include "apps/cli/entity.h"
#include "apps/cli/generic_update.h"
#include "base/encoding.h"
#include "base/json_members.h"
#include "base/time.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <thread>

namespace twinhub::apps::cli {
namespace {

using std::chrono::seconds;

constexpr std::int64_t page_rows_max = 1000;

const std::vector<Column> job_columns{{"JobId", "jobId"},
                                      {"Type", "type"},
                                      {"Status", "status"},
                                      {"StartTime", "startTime"},
                                      {"EndTime", "endTime"},
                                      {"Devices", "deviceJobStatistics.deviceCount"},
                                      {"Succeeded", "deviceJobStatistics.succeededCount"},
                                      {"Failed", "deviceJobStatistics.failedCount"}};

const std::vector<Column> device_columns{{"DeviceId", "deviceId"},
                                         {"ModuleId", "moduleId"},
                                         {"Status", "status"},
                                         {"Updated", "lastUpdatedDateTimeUtc"},
                                         {"Answer", "outcome.deviceMethodResponse.status"},
                                         {"Error", "error.code"},
                                         {"Description", "error.description"}};

std::string path_of_job(const std::string& id) { return "/jobs/v2/" + percent_encode(id); }

// A condition that takes everybody is easily written by mistake: it needs a word more.
Result<std::string> condition_of(const Arguments& arguments) {
    std::string condition = arguments.text("query-condition");
    const std::size_t first = condition.find_first_not_of(" \t\r\n");
    const std::size_t last = condition.find_last_not_of(" \t\r\n");
    const bool everybody = first == std::string::npos || (condition[first] == '*' && first == last);
    const bool all = arguments.flag("all-devices");
    if (everybody && !all)
        return failure(Code::argument_invalid,
                       "this would take every device of the hub: give --query-condition, or say "
                       "--all-devices");
    if (!everybody && all)
        return failure(Code::argument_invalid,
                       "--all-devices and --query-condition contradict each other");
    return everybody ? std::string("*") : condition;
}

Result<json::object> order_of(const Arguments& arguments) {
    json::object order{{"jobId", arguments.text("job-id")}};
    TRY(order["queryCondition"], condition_of(arguments));
    TRY(order["maxExecutionTimeInSeconds"], number_of(arguments, "ttl", 1, 30 * 24 * 3600));
    if (arguments.has("start-time")) {
        TRY(const Instant start, parse_instant(arguments.text("start-time")));
        order["startTime"] = format_instant(start);
    }
    return order;
}

bool has_ended(std::string_view status) {
    return status == "completed" || status == "failed" || status == "cancelled";
}

// Looks at a job until it has ended, and says on standard error how far it is.
Result<json::value> wait_for(Context& context, const std::string& id) {
    TRY(ServiceClient* const hub, context.hub());
    TRY(const std::uint64_t every, number_of(context.arguments(), "poll-interval", 1, 3600));
    TRY(const std::uint64_t patience,
        number_of(context.arguments(), "poll-duration", 1, 7 * 86'400));
    const Moment until = context.clock().monotonic() + seconds{patience};
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    std::ostream& err = context.around().err;
    while (true) {
        TRY(json::value job, hub->call({.path = path_of_job(id), .body = {}}));
        const std::string status = text_in(job, "status");
        if (terminal && job.is_object()) {
            const json::value* counts = job.get_object().if_contains("deviceJobStatistics");
            err << "\r\x1b[K" << status;
            if (counts)
                err << fmt::format(
                    ": {} of {} devices, {} failed", to_text(counts->at("succeededCount")),
                    to_text(counts->at("deviceCount")), to_text(counts->at("failedCount")));
            if (has_ended(status)) err << '\n';
            err << std::flush;
        }
        if (has_ended(status)) return job;
        if (context.clock().monotonic() + seconds{every} > until) {
            if (terminal) err << '\n';
            return job;
        }
        std::this_thread::sleep_for(seconds{every});
    }
}

Outcome send(Context& context, json::object order) {
    const std::string id = text_in(order, "jobId");
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto created =
        (*hub)->call({.method = "PUT", .path = path_of_job(id), .body = std::move(order)});
    if (!created || !context.arguments().flag("wait"))
        return outcome_of(std::move(created), job_columns);
    return outcome_of(wait_for(context, id), job_columns);
}

Result<json::object> twin_update_order(const Arguments& arguments) {
    TRY(json::object order, order_of(arguments));
    json::object update{{"etag", "*"}};
    if (arguments.has("twin-patch")) {
        TRY(const json::object patch,
            read_object_argument("twin-patch", arguments.text("twin-patch")));
        for (const auto& [name, value] : patch)
            if (name != "etag") update[name] = value;
    }
    for (const char* part : {"tags", "desired"}) {
        if (!arguments.has(part)) continue;
        TRY(json::object section, read_object_argument(part, arguments.text(part)));
        if (std::string_view(part) == "tags") update["tags"] = std::move(section);
        else update["properties"] = json::object{{"desired", std::move(section)}};
    }
    if (update.size() == 1)
        return failure(Code::argument_invalid,
                       "nothing to change: give --twin-patch, --desired or --tags");
    order["type"] = "scheduleUpdateTwin";
    order["updateTwin"] = std::move(update);
    return order;
}

Result<json::object> method_order(const Arguments& arguments) {
    TRY(json::object order, order_of(arguments));
    json::object method{{"methodName", arguments.text("method-name")}};
    TRY(method["payload"], read_json_argument("method-payload", arguments.text("method-payload")));
    TRY(method["connectTimeoutInSeconds"], number_of(arguments, "method-connect-timeout", 0, 300));
    TRY(method["responseTimeoutInSeconds"],
        number_of(arguments, "method-response-timeout", 5, 300));
    order["type"] = "scheduleDeviceMethod";
    order["cloudToDeviceMethod"] = std::move(method);
    return order;
}

std::function<Outcome(Context&)> creating(Result<json::object> (*order_from)(const Arguments&)) {
    return [order_from](Context& context) {
        auto order = order_from(context.arguments());
        if (!order) return outcome_of(order.error());
        return send(context, std::move(*order));
    };
}

Outcome show(Context& context) {
    const std::string id = context.arguments().text("job-id");
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto job = (*hub)->call({.path = path_of_job(id), .body = {}});
    if (job && text_in(*job, "status") == "unknown")
        return outcome_of(
            Error{Code::job_not_found, "JobNotFound: there is no job '" + id + "'", {}});
    return outcome_of(std::move(job), job_columns);
}

Outcome cancel(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    std::string path = path_of_job(arguments.text("job-id")) + "/cancel";
    if (arguments.flag("running")) path += "?running=true";
    return outcome_of((*hub)->call({.method = "POST", .path = std::move(path), .body = {}}),
                      job_columns);
}

Outcome list(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_or_all(arguments);
    if (!top) return outcome_of(top.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    std::string path = "/jobs/v2/query";
    char separator = '?';
    for (const auto& [option, parameter] :
         {std::pair{"job-type", "jobType"}, std::pair{"job-status", "jobStatus"}}) {
        if (!arguments.has(option)) continue;
        path +=
            fmt::format("{}{}={}", separator, parameter, percent_encode(arguments.text(option)));
        separator = '&';
    }
    json::array jobs;
    std::string continuation;
    do {
        std::uint64_t items = page_rows_max;
        if (*top != 0) items = std::min<std::uint64_t>(items, *top - jobs.size());
        ServiceRequest request{.path = path, .body = {}};
        request.headers.emplace_back("x-ms-max-item-count", std::to_string(items));
        if (!continuation.empty()) request.headers.emplace_back("x-ms-continuation", continuation);
        const auto answer = (*hub)->send(request);
        if (!answer) return outcome_of(answer.error());
        if (answer->status / 100 != 2) return outcome_of(error_of(*answer));
        auto page = parse_json(answer->body, {.bytes_max = std::size_t{1} << 30});
        if (!page || !page->is_array())
            return outcome_of(Error{Code::internal, "The hub's answer is not a list of jobs", {}});
        for (json::value& job : page->get_array()) jobs.push_back(std::move(job));
        continuation = answer->continuation;
    } while (!continuation.empty() && (*top == 0 || jobs.size() < *top));
    return Outcome::of(std::move(jobs), job_columns);
}

Outcome devices(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_or_all(arguments);
    if (!top) return outcome_of(top.error());
    const auto literal = [](std::string text) {
        for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2)
            text.insert(at, 1, '\\');
        return "'" + text + "'";
    };
    std::string query = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = " +
                        literal(arguments.text("job-id"));
    if (arguments.has("status"))
        query += " AND devices.jobs.status = " + literal(ascii_lower(arguments.text("status")));
    if (arguments.has("device-id"))
        query += " AND devices.jobs.deviceId = " + literal(arguments.text("device-id"));
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    auto rows = (*hub)->query(FleetQuery{.text = std::move(query), .top = *top, .dialect = {}});
    if (!rows) return outcome_of(rows.error());
    return Outcome::of(std::move(*rows), device_columns);
}

Option id_option() {
    return {.name = "job-id", .other_names = "--jid", .about = "Name of the job", .required = true};
}

std::vector<Option> creating_options(std::vector<Option> own) {
    std::vector<Option> all{id_option()};
    std::ranges::move(own, std::back_inserter(all));
    std::vector<Option> shared{
        {.name = "query-condition",
         .other_names = "-q",
         .about = "Which devices: tags.site = 'north' (docs/queries.md), or FROM devices.modules "
                  "WHERE ... for modules"},
        {.name = "all-devices", .about = "All devices of the hub", .takes = Takes::none},
        {.name = "start-time",
         .other_names = "--start",
         .about = "When it begins: 2026-05-01T06:00:00Z; at once without it"},
        {.name = "ttl",
         .about = "Seconds after which it stops; devices left have failed",
         .fallback = "3600"},
        {.name = "wait", .other_names = "-w", .about = "Until it has ended", .takes = Takes::flag},
        {.name = "poll-interval",
         .other_names = "--interval",
         .about = "Seconds between looks, with --wait",
         .fallback = "10"},
        {.name = "poll-duration",
         .other_names = "--duration",
         .about = "Seconds to wait at most, with --wait",
         .fallback = "600"}};
    std::ranges::move(shared, std::back_inserter(all));
    return all;
}

}  // namespace

std::vector<Command> job_commands() {
    Option device = device_option();
    device.required = false;
    std::vector<Command> commands;
    commands.push_back(
        {.words = "job create-twin-update",
         .about = "Merges a patch into the twins of all devices that a condition names",
         .options = creating_options(
             {{.name = "twin-patch",
               .other_names = "--patch",
               .about = "JSON object with tags and properties.desired, inline or a file"},
              {.name = "desired", .about = "JSON object to merge into the desired properties"},
              {.name = "tags", .about = "JSON object to merge into the tags"}}),
         .run = creating(twin_update_order)});
    commands.push_back(
        {.words = "job create-method",
         .about = "Calls a direct method of all devices that a condition names",
         .options = creating_options({{.name = "method-name",
                                       .other_names = "--mn",
                                       .about = "Name of the method",
                                       .required = true},
                                      {.name = "method-payload",
                                       .other_names = "--mp",
                                       .about = "JSON, inline or a file",
                                       .fallback = "null"},
                                      {.name = "method-connect-timeout",
                                       .other_names = "--mct",
                                       .about = "Seconds to wait for a device that is away",
                                       .fallback = "30"},
                                      {.name = "method-response-timeout",
                                       .other_names = "--mrt",
                                       .about = "Seconds to wait for its answer",
                                       .fallback = "30"}}),
         .run = creating(method_order)});
    commands.push_back({.words = "job show",
                        .about = "A job, and how far it is",
                        .options = {id_option()},
                        .run = show});
    commands.push_back(
        {.words = "job list",
         .about = "Jobs, the newest first",
         .options = {{.name = "job-type",
                      .other_names = "--jt",
                      .about = "Of one type",
                      .choices = "scheduleUpdateTwin|scheduleDeviceMethod"},
                     {.name = "job-status",
                      .other_names = "--js",
                      .about = "In one status",
                      .choices = "queued|scheduled|running|completed|failed|cancelled"},
                     top_option("")},
         .run = list});
    commands.push_back({.words = "job devices",
                        .about = "What became of a job at each device",
                        .options = {id_option(),
                                    {.name = "status",
                                     .about = "In one status",
                                     .choices = "pending|running|completed|failed|canceled"},
                                    device,
                                    top_option("")},
                        .run = devices});
    commands.push_back(
        {.words = "job cancel",
         .about = "Ends a job that has not begun",
         .options = {id_option(),
                     {.name = "running",
                      .about = "One that has begun, too: what it changed stays changed",
                      .takes = Takes::none}},
         .run = cancel});
    return commands;
}

}  // namespace twinhub::apps::cli
