#include "gateway/http/keys_json.h"

#include "base/encoding.h"
#include "base/json_members.h"
#include "gateway/http/limits.h"
#include "gateway/http/reply.h"
#include "gateway/wire_status.h"

#include <array>

namespace twinhub::gateway::http {
namespace {

using hub::KeyChoice;

constexpr std::array<std::string_view, 3> choice_names{"primaryKey", "secondaryKey", "both"};

Result<KeyChoice> read_choice(const json::object& body) {
    TRY(const auto text, text_member(body, "policyKey"));
    if (!text) return failure(Code::argument_null, "The request must say which key", "policyKey");
    for (std::size_t i = 0; i < choice_names.size(); ++i)
        if (equals_ignoring_case(*text, choice_names[i])) return static_cast<KeyChoice>(i);
    return failure(Code::argument_invalid, "The key must be primaryKey, secondaryKey or both",
                   "policyKey");
}
static_assert(static_cast<int>(KeyChoice::primary) == 0 &&
              static_cast<int>(KeyChoice::secondary) == 1 &&
              static_cast<int>(KeyChoice::both) == 2);

void append_names(std::string& out, const TwinId& id) {
    out += R"({"id":)";
    append_json_string(out, id.device.text());
    if (!id.is_module()) return;
    out += R"(,"moduleId":)";
    append_json_string(out, id.module.text());
}

// Only new keys are told, the other one is null (DECISIONS.md).
void append_key(std::string& out, std::string_view member, const std::string& key, bool renewed) {
    out += member;
    if (renewed) append_json_string(out, key);
    else out += "null";
}

}  // namespace

Result<KeysRequest> read_keys_request(const json::object& body) {
    KeysRequest request;
    TRY(request.choice, read_choice(body));
    TRY(const json::array* devices, array_member(body, "devices"));
    if (devices == nullptr)
        return failure(Code::argument_null, "The request must name the devices", "devices");
    if (devices->size() > bulk_items_max)
        return failure(Code::too_many_devices, "A request holds at most 100 items, this one " +
                                                   std::to_string(devices->size()));
    for (const json::value& value : *devices) {
        if (!value.is_object())
            return failure(Code::format_invalid, "Each item must be a JSON object", "devices");
        TwinId id;
        TRY(const auto device, text_member(value.get_object(), "id"));
        TRY(id.device, DeviceId::parse(device.value_or("")));
        TRY(const auto module, text_member(value.get_object(), "moduleId"));
        if (module && !module->empty()) {
            TRY(id.module, ModuleId::parse(*module));
        }
        request.ids.push_back(std::move(id));
    }
    return request;
}

void append_keys_result(std::string& out, KeyChoice choice, const hub::RotationResult& result) {
    out += R"({"policyKey":")";
    out += choice_names[static_cast<std::size_t>(choice)];
    out += R"(","rotatedKeys":[)";
    for (std::size_t i = 0; i < result.rotated.size(); ++i) {
        if (i > 0) out += ',';
        append_names(out, result.rotated[i].id);
        append_key(out, R"(,"primaryKey":)", result.rotated[i].primary_key,
                   choice != KeyChoice::secondary);
        append_key(out, R"(,"secondaryKey":)", result.rotated[i].secondary_key,
                   choice != KeyChoice::primary);
        out += '}';
    }
    out += R"(],"errors":[)";
    for (std::size_t i = 0; i < result.errors.size(); ++i) {
        if (i > 0) out += ',';
        append_names(out, result.errors[i].id);
        out += R"(,"errorCode":")";
        out += wire_status(result.errors[i].error.code).name;
        out += R"(","errorStatus":)";
        append_json_string(out, error_text(result.errors[i].error));
        out += '}';
    }
    out += "]}";
}

}  // namespace twinhub::gateway::http
