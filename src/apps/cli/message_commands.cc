// Direct methods and messages to devices (spec service-api 12.3, named as in az iot).
#include "apps/cli/entity.h"
#include "apps/cli/generic_update.h"
#include "base/encoding.h"
#include "base/time.h"

#include <fmt/format.h>

#include <charconv>
#include <ostream>
#include <thread>

namespace twinhub::apps::cli {
namespace {

using std::chrono::seconds;

constexpr seconds poll_every{1};

Result<seconds> seconds_of(const Arguments& arguments, const std::string& name, int min, int max) {
    const std::string text = arguments.text(name);
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < min || number > max)
        return failure(
            Code::argument_invalid,
            fmt::format("--{} is a number from {} to {}, not '{}'", name, min, max, text));
    return seconds{number};
}

Result<json::value> invoke(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(const seconds timeout, seconds_of(arguments, "timeout", 10, 300));
    json::object body{{"methodName", arguments.text("method-name")},
                      {"responseTimeoutInSeconds", timeout.count()},
                      {"connectTimeoutInSeconds", timeout.count()}};
    TRY(body["payload"], read_json_argument("method-payload", arguments.text("method-payload")));
    TRY(ServiceClient* const hub, context.hub());
    // The server waits for the device to come, and then for its answer.
    return hub->call({.method = "POST",
                      .path = path_of("twins", arguments) + "/methods",
                      .body = std::move(body),
                      .within = 2 * timeout + seconds{30}});
}

std::string messages_path(const Arguments& arguments) {
    return path_of("devices", arguments) + "/messages/deviceBound";
}

// "a=1;b=2", as az has it; a name alone has no value.
Result<json::object> properties_of(std::string_view text) {
    json::object properties;
    while (!text.empty()) {
        const std::string_view item = text.substr(0, text.find(';'));
        text.remove_prefix(std::min(item.size() + 1, text.size()));
        if (item.empty()) continue;
        const std::size_t equals = item.find('=');
        if (equals == 0)
            return failure(Code::argument_invalid,
                           "--properties is name=value pairs with ';' between them");
        json::value& value = properties[item.substr(0, equals)];
        if (equals != std::string_view::npos) value = item.substr(equals + 1);
    }
    return properties;
}

// Milliseconds since 1970 as in az, or a time.
Result<std::string> expiry_of(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size())
        return format_instant(Instant{std::chrono::milliseconds{number}});
    TRY(const Instant instant, parse_instant(text));
    return format_instant(instant);
}

Result<json::value> send(Context& context) {
    const Arguments& arguments = context.arguments();
    json::object body;
    const std::string data = arguments.text("message");
    if (arguments.flag("base64")) body["payloadBase64"] = data;
    else body["payload"] = data;
    for (const auto& [option, member] : {std::pair("message-id", "messageId"),
                                         {"correlation-id", "correlationId"},
                                         {"user-id", "userId"},
                                         {"content-type", "contentType"},
                                         {"content-encoding", "contentEncoding"},
                                         {"ack", "ack"}})
        if (arguments.has(option)) body[member] = arguments.text(option);
    if (arguments.has("properties")) {
        TRY(body["properties"], properties_of(arguments.text("properties")));
    }
    if (arguments.has("expiry-time-utc")) {
        TRY(body["expiryTimeUtc"], expiry_of(arguments.text("expiry-time-utc")));
    }
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "POST", .path = messages_path(arguments), .body = std::move(body)});
}

Result<json::value> purge(Context& context) {
    TRY(ServiceClient* const hub, context.hub());
    return hub->call({.method = "DELETE",
                      .path = path_of("devices", context.arguments()) + "/commands",
                      .body = {}});
}

// Whether it is about the device or the message that the user waits for.
bool concerns(const json::object& record, const Arguments& arguments) {
    const auto is = [&](const char* option, const char* member) {
        if (!arguments.has(option)) return true;
        const json::value* value = record.if_contains(member);
        return value != nullptr && value->is_string() &&
               std::string_view(value->get_string()) == arguments.text(option);
    };
    return is("device-id", "deviceId") && is("wait-on-msg", "originalMessageId");
}

// All feedback of the hub is taken and shown that concerns the user; what does not is lost to
// others, as with az: there is one queue.
Result<> monitor(Context& context) {
    const Arguments& arguments = context.arguments();
    TRY(ServiceClient* const hub, context.hub());
    const std::string path = "/messages/serviceBound/feedback";
    std::ostream& out = context.around().out;
    while (true) {
        TRY(const ServiceResponse response, hub->send({.path = path, .body = {}}));
        if (response.status == 204) {
            std::this_thread::sleep_for(poll_every);
            continue;
        }
        if (response.status != 200) return std::unexpected(error_of(response));
        TRY(const json::value batch, parse_json(response.body));
        bool seen = false;
        if (const json::array* const records = batch.if_array())
            for (const json::value& record : *records) {
                if (!record.is_object() || !concerns(record.get_object(), arguments)) continue;
                out << to_text(record) << "\n" << std::flush;
                seen = true;
            }
        TRY_VOID(hub->call(
            {.method = "DELETE", .path = path + "/" + percent_encode(response.etag), .body = {}}));
        if (!out.good() || (seen && arguments.has("wait-on-msg"))) return {};
    }
}

std::vector<Option> method_options(bool module) {
    std::vector<Option> options{device_option()};
    if (module) options.push_back(module_option());
    options.push_back(
        {.name = "method-name", .other_names = "--mn", .about = "The method", .required = true});
    options.push_back({.name = "method-payload",
                       .other_names = "--mp",
                       .about = "JSON for the method, inline or a file",
                       .fallback = "{}"});
    options.push_back({.name = "timeout",
                       .other_names = "--to",
                       .about = "Seconds to wait for the device, and then for its answer",
                       .fallback = "30"});
    return options;
}

std::vector<Option> send_options() {
    return {
        device_option(),
        {.name = "message",
         .other_names = "--data,--da",
         .about = "The message (the data folder: TWINHUB_DATA)"},
        {.name = "base64", .about = "The data is base64 of it", .takes = Takes::flag},
        {.name = "properties", .other_names = "--props,-p", .about = "Its properties: 'a=1;b=2'"},
        {.name = "message-id",
         .other_names = "--mid",
         .about = "Its id; the server makes one up otherwise"},
        {.name = "correlation-id", .other_names = "--cid", .about = "Correlation id"},
        {.name = "user-id", .other_names = "--uid", .about = "User id"},
        {.name = "content-type", .other_names = "--ct", .about = "Content type"},
        {.name = "content-encoding", .other_names = "--ce", .about = "Content encoding"},
        {.name = "expiry-time-utc",
         .other_names = "--expiry",
         .about = "When it is too late: a time, or milliseconds since 1970"},
        {.name = "ack",
         .about = "Which ends to give feedback of",
         .choices = "none|positive|negative|full"}};
}

}  // namespace

std::vector<Command> message_commands() {
    std::vector<Command> commands;
    for (const char* words : {"invoke-device-method", "invoke-method"})
        commands.push_back({.words = words,
                            .about = "Has a connected device do something",
                            .options = method_options(false),
                            .run = [](Context& context) { return outcome_of(invoke(context)); }});
    commands.push_back({.words = "invoke-module-method",
                        .about = "Has a connected module do something",
                        .options = method_options(true),
                        .run = [](Context& context) { return outcome_of(invoke(context)); }});
    for (const std::string noun : {"c2d-message", "device c2d-message", "c2d"}) {
        commands.push_back({.words = noun + " send",
                            .about = "Sends a message to a device",
                            .options = send_options(),
                            .run = [](Context& context) { return outcome_of(send(context)); }});
        commands.push_back({.words = noun + " purge",
                            .about = "Throws away all messages that wait for a device",
                            .options = {device_option()},
                            .run = [](Context& context) { return outcome_of(purge(context)); }});
    }
    commands.push_back(
        {.words = "monitor-feedback",
         .about = "Shows what became of messages to devices",
         .options = {{.name = "device-id", .other_names = "-d", .about = "Of this device alone"},
                     {.name = "wait-on-msg",
                      .other_names = "-w",
                      .about = "Ends with the feedback of the message with this id"}},
         .run = [](Context& context) {
             const Result<> done = monitor(context);
             return done ? Outcome::nothing() : outcome_of(done.error());
         }});
    return commands;
}

}  // namespace twinhub::apps::cli
