#include "apps/cli/received_message.h"

#include "apps/cli/entity.h"
#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twinhub::apps::cli {
namespace {

constexpr auto token_lifetime = std::chrono::minutes{10};
constexpr std::string_view system_prefix = "iothub-";
constexpr std::string_view application_prefix = "iothub-app-";

struct Shown {
    std::string_view field;
    std::string_view member;
};
// As az calls them.
constexpr std::array shown_fields{
    Shown{"iothub-ack", "ack"},
    Shown{"iothub-correlationid", "correlationId"},
    Shown{"iothub-deliverycount", "deliveryCount"},
    Shown{"iothub-enqueuedtime", "enqueuedTime"},
    Shown{"iothub-expiry", "expiry"},
    Shown{"iothub-messageid", "messageId"},
    Shown{"iothub-sequencenumber", "sequenceNumber"},
    Shown{"iothub-userid", "userId"},
};

// The authorization of the device itself. Errors: as the registry's; operation_invalid for one that
// has no key.
Result<std::string> device_token(Context& context, ServiceClient& hub) {
    TRY(const json::value device,
        hub.call({.method = "GET", .path = path_of("devices", context.arguments()), .body = {}}));
    boost::system::error_code missing;
    const json::value* const key =
        device.find_pointer("/authentication/symmetricKey/primaryKey", missing);
    const json::string* const text = key != nullptr ? key->if_string() : nullptr;
    if (text == nullptr || text->empty())
        return failure(Code::operation_invalid,
                       "the device has no key: only itself can receive its messages");
    const std::string resource =
        hub.target().connection.host + "/devices/" + context.arguments().text("device-id");
    const auto expiry =
        std::chrono::floor<std::chrono::seconds>(context.clock().now() + token_lifetime)
            .time_since_epoch()
            .count();
    return protocol::sas::make_token({.resource = resource,
                                      .key = base64_decode(std::string_view(*text)).value_or(""),
                                      .expiry = static_cast<std::uint64_t>(expiry),
                                      .policy = {}});
}

std::string messages_path(const Arguments& arguments) {
    return path_of("devices", arguments) + "/messages/deviceBound";
}

// The answer to one request of the device. Errors: what the server refused.
Result<ServiceResponse> ask(Context& context, std::string_view method, std::string_view more) {
    TRY(ServiceClient* const hub, context.hub());
    TRY(std::string token, device_token(context, *hub));
    TRY(ServiceResponse response,
        hub->send({.method = std::string(method),
                   .path = messages_path(context.arguments()) + std::string(more),
                   .body = {},
                   .authorization = std::move(token)}));
    if (response.status < 200 || response.status >= 300) return std::unexpected(error_of(response));
    return response;
}

enum class Settle : std::uint8_t { complete, reject, abandon };

Result<> settle(Context& context, std::string_view lock, Settle how) {
    const std::string path = "/" + percent_encode(std::string(lock));
    if (how == Settle::abandon) TRY_VOID(ask(context, "POST", path + "/abandon"));
    else TRY_VOID(ask(context, "DELETE", path + (how == Settle::reject ? "?reject" : "")));
    return {};
}

Outcome settle_named(Context& context, Settle how) {
    const Result<> done = settle(context, context.arguments().text("etag"), how);
    return done ? Outcome::nothing() : outcome_of(done.error());
}

Outcome receive(Context& context) {
    const Arguments& arguments = context.arguments();
    const std::array wanted{arguments.flag("complete"), arguments.flag("reject"),
                            arguments.flag("abandon")};
    if (std::ranges::count(wanted, true) > 1)
        return Outcome::usage("a message is completed, rejected or abandoned, only one of them");
    const auto response = ask(context, "GET", "");
    if (!response) return outcome_of(response.error());
    if (response->status == 204) return Outcome::nothing();
    json::value message = shown_message(*response);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!wanted[i]) continue;
        const std::string etag(message.at("etag").get_string());
        if (const auto done = settle(context, etag, static_cast<Settle>(i)); !done)
            return outcome_of(done.error());
        message.get_object()["ack"] = std::array{"complete", "reject", "abandon"}[i];
    }
    return Outcome::of(std::move(message));
}

}  // namespace

json::value shown_message(const ServiceResponse& response) {
    json::object message, application, system;
    for (const Shown& shown : shown_fields) message[shown.member] = "";
    for (const auto& [name, value] : response.fields) {
        const auto known = std::ranges::find(shown_fields, name, &Shown::field);
        if (known != shown_fields.end()) message[known->member] = value;
        if (name.starts_with(application_prefix))
            application[name.substr(application_prefix.size())] = value;
        else if (name.starts_with(system_prefix)) system[name] = value;
    }
    message["etag"] = response.etag;
    const bool is_text = is_valid_utf8(response.body);
    message["data"] = is_text ? response.body : base64_encode(response.body);
    if (!is_text) message["dataEncoding"] = "base64";
    message["properties"] =
        json::object{{"app", std::move(application)}, {"system", std::move(system)}};
    return message;
}

std::vector<Command> received_message_commands() {
    const Option etag{.name = "etag",
                      .other_names = "-e",
                      .about = "The etag that the message was received with",
                      .required = true};
    const auto flag = [](const char* name, const char* about) {
        return Option{.name = name, .about = about, .takes = Takes::flag};
    };
    std::vector<Command> list;
    for (const std::string noun : {"c2d-message", "device c2d-message", "c2d"}) {
        list.push_back({.words = noun + " receive",
                        .about = "The next message for a device, as the device gets it",
                        .options = {device_option(), flag("complete", "It is done with"),
                                    flag("reject", "It is not wanted"),
                                    flag("abandon", "It is to come again")},
                        .run = receive});
        const auto add = [&](const char* verb, const char* about, Settle how) {
            list.push_back({.words = noun + " " + verb,
                            .about = about,
                            .options = {device_option(), etag},
                            .run = [how](Context& context) { return settle_named(context, how); }});
        };
        add("complete", "A received message is done with", Settle::complete);
        add("reject", "A received message is not wanted", Settle::reject);
        add("abandon", "A received message is to come again", Settle::abandon);
    }
    return list;
}

}  // namespace twinhub::apps::cli
