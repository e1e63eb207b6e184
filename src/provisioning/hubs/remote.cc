#include "provisioning/hubs/remote.h"

#include "base/encoding.h"
#include "base/json_members.h"
#include "protocol/sas/token.h"
#include "provisioning/limits.h"
#include "twin/moved.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace twinhub::provisioning {
namespace {

using hub::AuthenticationType;

constexpr std::string_view api_version = "api-version=2021-04-12";
constexpr std::chrono::seconds token_life{3600};
constexpr std::size_t depth_max = 64;
constexpr std::size_t remark_bytes_max = 200;

std::string path_of(std::string_view collection, const TwinId& id) {
    std::string path = fmt::format("/{}/{}", collection, percent_encode(id.device.text()));
    if (id.is_module()) path += "/modules/" + percent_encode(id.module.text());
    return path;
}

const json::object* object_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object authentication_json(const hub::IdentitySpec::AuthenticationSpec& spec) {
    const AuthenticationType type = spec.type.value_or(AuthenticationType::sas);
    json::object out{{"type", name_of(type)}};
    if (type == AuthenticationType::sas)
        out["symmetricKey"] =
            json::object{{"primaryKey", spec.primary_key}, {"secondaryKey", spec.secondary_key}};
    if (type == AuthenticationType::self_signed)
        out["x509Thumbprint"] =
            json::object{{"primaryThumbprint", text_or_null(spec.primary_thumbprint)},
                         {"secondaryThumbprint", text_or_null(spec.secondary_thumbprint)}};
    return out;
}

hub::IdentitySpec::AuthenticationSpec spec_of(const hub::Authentication& has) {
    return {.type = has.type,
            .primary_key = has.primary_key,
            .secondary_key = has.secondary_key,
            .primary_thumbprint = has.primary_thumbprint,
            .secondary_thumbprint = has.secondary_thumbprint};
}

hub::Authentication read_authentication(const json::object& identity) {
    hub::Authentication has;
    const json::object* given = object_in(identity, "authentication");
    if (given == nullptr) return has;
    const std::string type = text_in(*given, "type");
    for (const AuthenticationType each :
         {AuthenticationType::sas, AuthenticationType::self_signed,
          AuthenticationType::certificate_authority, AuthenticationType::none})
        if (equals_ignoring_case(type, name_of(each))) has.type = each;
    if (const json::object* keys = object_in(*given, "symmetricKey")) {
        has.primary_key = text_in(*keys, "primaryKey");
        has.secondary_key = text_in(*keys, "secondaryKey");
    }
    if (const json::object* prints = object_in(*given, "x509Thumbprint")) {
        has.primary_thumbprint = text_in(*prints, "primaryThumbprint");
        has.secondary_thumbprint = text_in(*prints, "secondaryThumbprint");
    }
    return has;
}

json::object new_item(const Placement& placement) {
    return {{"id", placement.device.text()},
            {"importMode", "create"},
            {"status", "enabled"},
            {"authentication", authentication_json(placement.authentication)},
            {"capabilities", json::object{{"iotEdge", placement.iot_edge}}}};
}

Question bulk(const std::string& item) {
    return {.method = "POST", .path = "/devices", .if_match = {}, .body = "[" + item + "]"};
}

// The item with a whole twin. A hub that does not know our word takes tags and desired alone.
Question bulk_moved(const json::object& item, const twin::Twin& twin) {
    std::string text = to_text(item);
    text.back() = ',';
    text += R"("twinhub":{"moved":true},)";
    twin::append_moved(text, twin);
    text += '}';
    return bulk(text);
}

struct Named {
    std::string_view name;  // in errors, as Azure and we write it
    Code code;
};
constexpr std::array names{
    Named{"DeviceAlreadyExists", Code::device_already_exists},
    Named{"ModuleAlreadyExistsOnDevice", Code::module_already_exists},
    Named{"DeviceNotFound", Code::device_not_found},
    Named{"ModuleNotFound", Code::device_not_found},
    Named{"PreconditionFailed", Code::precondition_failed},
    Named{"TooManyDevices", Code::too_many_devices},
    Named{"TooManyModulesOnDevice", Code::too_many_modules},
    Named{"ThrottlingException", Code::throttled},
    Named{"ServerError", Code::unavailable},
    Named{"ServiceUnavailable", Code::unavailable},
};

Code code_of(int status, std::string_view body) {
    if (status == 401 || status == 403) {
        return body.find("QuotaExceeded") != std::string_view::npos ? Code::too_many_devices
                                                                    : Code::unauthorized;
    }
    if (status == 400)
        for (const Named& named : names)
            if (body.find(named.name) != std::string_view::npos) return named.code;
    switch (status) {
        case 404: return Code::device_not_found;
        case 408: return Code::timeout;
        case 409: return Code::device_already_exists;
        case 412: return Code::precondition_failed;
        case 413: return Code::too_many_devices;
        case 429: return Code::throttled;
        default: return status >= 500 ? Code::unavailable : Code::argument_invalid;
    }
}

std::string words_for(Code code, std::string_view host, const HubAnswer& answer) {
    switch (code) {
        case Code::unauthorized:
            return fmt::format("The hub {} refuses the key of its link: link it again", host);
        case Code::too_many_devices: return fmt::format("The hub {} has no room for more", host);
        case Code::throttled: return fmt::format("The hub {} is asked too often", host);
        case Code::unavailable:
            return fmt::format("The hub {} answered with status {}", host, answer.status);
        case Code::argument_invalid: {
            std::string remark;
            for (const char c : std::string_view(answer.body).substr(0, remark_bytes_max))
                remark += c >= ' ' && c <= '~' ? c : ' ';
            return fmt::format("The hub {} answered with status {}: {}", host, answer.status,
                               remark);
        }
        default: return fmt::format("The hub {} answered with status {}", host, answer.status);
    }
}

std::unexpected<Error> not_understood(std::string_view what) {
    return failure(Code::format_invalid, fmt::format("The hub's answer is no {}", what));
}

}  // namespace

HubRequest request_to(const HubLink& link, Question question, Instant now) {
    const auto expiry =
        std::chrono::duration_cast<std::chrono::seconds>((now + token_life).time_since_epoch());
    const std::string key = base64_decode(link.key).value_or("");
    HubRequest request{.method = std::move(question.method),
                       .host = link.host,
                       .port = link.port,
                       .target = std::move(question.path),
                       .headers = {},
                       .body = std::move(question.body)};
    request.target += '?';
    request.target += api_version;
    request.headers.emplace_back(
        "Authorization",
        protocol::sas::make_token({.resource = link.host,
                                   .key = key,
                                   .expiry = static_cast<std::uint64_t>(expiry.count()),
                                   .policy = link.policy}));
    if (!request.body.empty())
        request.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
    if (!question.if_match.empty())
        request.headers.emplace_back("If-Match", std::move(question.if_match));
    return request;
}

Question ask_identity(const TwinId& id) { return {.path = path_of("devices", id)}; }
Question ask_twin(const TwinId& id) { return {.path = path_of("twins", id)}; }
Question ask_modules(const DeviceId& device) {
    return {.path = path_of("devices", {device, {}}) + "/modules"};
}
Question ask_load() { return {.path = "/statistics/devices"}; }
Question remove_device(const DeviceId& device) {
    return {.method = "DELETE", .path = path_of("devices", {device, {}}), .if_match = "*"};
}

Question replace_credentials(const json::object& identity, const Placement& placement) {
    json::object next = identity;
    next["authentication"] = authentication_json(placement.authentication);
    next["capabilities"] = json::object{{"iotEdge", placement.iot_edge}};
    return {.method = "PUT",
            .path = path_of("devices", {placement.device, {}}),
            .if_match = "\"" + text_in(identity, "etag") + "\"",
            .body = to_text(next)};
}

Question create_device(const Placement& placement, const json::object* standing) {
    json::object item = new_item(placement);
    if (standing != nullptr)
        for (const char* const kept : {"status", "statusReason", "deviceScope", "parentScopes"})
            if (const json::value* value = standing->if_contains(kept)) item[kept] = *value;
    if (placement.initial.tags) item["tags"] = placement.initial.tags->body();
    if (placement.initial.desired)
        item["properties"] = json::object{{"desired", placement.initial.desired->body()}};
    return bulk(to_text(item));
}

Question create_moved(const Placement& placement, const Luggage& luggage) {
    json::object item = new_item(placement);
    if (luggage.status == hub::Status::disabled) item["status"] = "disabled";
    if (!luggage.status_reason.empty()) item["statusReason"] = luggage.status_reason;
    return bulk_moved(item, luggage.twin);
}

Question create_module(const DeviceId& device, const Luggage::Module& module) {
    json::object item{{"id", device.text()},
                      {"moduleId", module.id.text()},
                      {"importMode", "create"},
                      {"status", "enabled"},
                      {"authentication", authentication_json(spec_of(module.authentication))}};
    if (!module.managed_by.empty()) item["managedBy"] = module.managed_by;
    return bulk_moved(item, module.twin);
}

Question write_twin(const TwinId& id, const twin::Twin& twin) {
    const json::object body{{"tags", twin.tags.to_json()},
                            {"properties", json::object{{"desired", twin.desired.to_json()}}}};
    return {.method = "PUT", .path = path_of("twins", id), .if_match = "*", .body = to_text(body)};
}

bool is_edge(const json::object& identity) {
    const json::object* capabilities = object_in(identity, "capabilities");
    const json::value* edge =
        capabilities == nullptr ? nullptr : capabilities->if_contains("iotEdge");
    return edge != nullptr && edge->is_bool() && edge->get_bool();
}

bool has_credentials(const json::object& identity, const Placement& placement) {
    const hub::Authentication has = read_authentication(identity);
    const auto& wanted = placement.authentication;
    return has.type == wanted.type.value_or(AuthenticationType::sas) &&
           equals_constant_time(has.primary_key, wanted.primary_key) &&
           equals_constant_time(has.secondary_key, wanted.secondary_key) &&
           equals_ignoring_case(has.primary_thumbprint, wanted.primary_thumbprint) &&
           equals_ignoring_case(has.secondary_thumbprint, wanted.secondary_thumbprint);
}

Result<json::value> read_answer(const HubAnswer& answer, std::string_view host) {
    if (answer.status < 200 || answer.status > 299) {
        const Code code = code_of(answer.status, answer.body);
        return failure(code, words_for(code, host, answer));
    }
    if (answer.body.empty()) return json::value(nullptr);
    auto value = parse_json(answer.body, JsonLimits{hub_answer_bytes_max, depth_max});
    if (!value)
        return failure(Code::format_invalid, fmt::format("The hub {} answers no JSON", host));
    return value;
}

Result<std::uint64_t> read_load(const json::value& statistics) {
    const json::object* object = statistics.if_object();
    const json::value* count =
        object == nullptr ? nullptr : object->if_contains("totalDeviceCount");
    boost::system::error_code error;
    const auto number = count == nullptr || !count->is_number()
                            ? std::uint64_t{0}
                            : count->to_number<std::uint64_t>(error);
    if (count == nullptr || !count->is_number() || error) return not_understood("statistics");
    return number;
}

Result<Luggage> read_luggage(const json::value& identity, const json::value& twin) {
    if (!identity.is_object() || !twin.is_object()) return not_understood("device");
    Luggage luggage;
    if (equals_ignoring_case(text_in(identity.get_object(), "status"), "disabled"))
        luggage.status = hub::Status::disabled;
    luggage.status_reason = text_in(identity.get_object(), "statusReason");
    TRY(luggage.twin, twin::parse_moved(twin.get_object(), never));
    return luggage;
}

Result<Luggage::Module> read_module(const json::value& identity, const json::value& twin) {
    if (!identity.is_object() || !twin.is_object()) return not_understood("module");
    Luggage::Module module;
    TRY(module.id, ModuleId::parse(text_in(identity.get_object(), "moduleId")));
    module.authentication = read_authentication(identity.get_object());
    module.managed_by = text_in(identity.get_object(), "managedBy");
    TRY(module.twin, twin::parse_moved(twin.get_object(), never));
    return module;
}

bool may_pass(const Error& error) {
    return error.code == Code::unavailable || error.code == Code::timeout ||
           error.code == Code::throttled;
}

std::chrono::milliseconds pause_before_try(int tries, double chance) {
    constexpr double first = 1000, longest = 15'000;
    const double longer = std::min(longest, first * std::exp2(std::min(tries, 10)));
    return std::chrono::milliseconds{static_cast<std::int64_t>(longer * (0.5 + chance / 2))};
}

}  // namespace twinhub::provisioning
