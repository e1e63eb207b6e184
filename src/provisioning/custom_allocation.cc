#include "provisioning/custom_allocation.h"

#include "base/encoding.h"
#include "base/json.h"
#include "provisioning/enrollment_rules.h"
#include "provisioning/limits.h"
#include "provisioning/names.h"
#include "provisioning/views.h"
#include "twin/apply.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

constexpr std::size_t depth_max = 32;

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, text);
}

// The text of an object's part, or nothing; clients write further members, which are not ours.
Result<std::string> object_text(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::string();
    if (!value->is_object())
        return failure(Code::argument_invalid, "The member must be an object", std::string(name));
    return to_text(*value);
}

Result<InitialTwin> read_twin(const json::object& object) {
    InitialTwin twin;
    TRY(twin.tags, object_text(object, "tags"));
    if (const json::value* properties = object.if_contains("properties");
        properties != nullptr && properties->is_object()) {
        TRY(twin.desired, object_text(properties->get_object(), "desired"));
    }
    TRY(const twin::ServiceUpdate update, initial_update(twin));
    TRY_VOID(twin::fresh_with(update, never));
    return twin;
}

}  // namespace

std::string question_body(const AllocationQuestion& question) {
    std::string body =
        question.enrollment.is_group() ? R"({"enrollmentGroup":)" : R"({"individualEnrollment":)";
    append_enrollment(body, question.enrollment, Keys::hidden);
    body += R"(,"deviceRuntimeContext":{"registrationId":)";
    append_json_string(body, question.id.text());
    if (question.current != nullptr && question.current->has_home()) {
        append_member(body, "currentIotHubHostName", question.current->hub);
        append_member(body, "currentDeviceId", question.current->device_id);
    }
    body += ',';
    append_json_string(body, attestation_name(question.enrollment.attestation.index()));
    body += ":{}";
    if (!question.payload.empty()) {
        body += R"(,"payload":)";
        body += question.payload;
    }
    body += R"(},"linkedHubs":[)";
    for (std::size_t i = 0; i < question.hubs.size(); ++i) {
        if (i > 0) body += ',';
        append_json_string(body, question.hubs[i]);
    }
    body += "]}";
    return body;
}

Result<AllocationAnswer> parse_answer(std::string_view body, std::span<const std::string> hubs) {
    TRY(const json::value value, parse_json(body, JsonLimits{webhook_answer_bytes_max, depth_max}));
    if (!value.is_object())
        return failure(Code::format_invalid, "The allocation's answer is no JSON object");
    const json::object& object = value.get_object();
    const json::value* named = object.if_contains("iotHubHostName");
    const json::string* host = named == nullptr ? nullptr : named->if_string();
    if (host == nullptr)
        return failure(Code::argument_invalid, "The allocation's answer names no hub",
                       "iotHubHostName");
    const auto chosen = std::ranges::find_if(hubs, [&](const std::string& hub) {
        return equals_ignoring_case(hub, std::string_view(host->data(), host->size()));
    });
    if (chosen == hubs.end())
        return failure(Code::argument_invalid,
                       "The allocation's answer names a hub that may not be chosen",
                       "iotHubHostName");
    AllocationAnswer answer{.hub = *chosen, .initial_twin = {}, .payload = {}};
    if (const json::value* twin = object.if_contains("initialTwin");
        twin != nullptr && !twin->is_null()) {
        if (!twin->is_object())
            return failure(Code::argument_invalid, "The member must be an object", "initialTwin");
        TRY(answer.initial_twin, read_twin(twin->get_object()));
    }
    if (const json::value* payload = object.if_contains("payload");
        payload != nullptr && !payload->is_null()) {
        answer.payload = to_text(*payload);
        if (answer.payload.size() > payload_bytes_max)
            return failure(Code::argument_invalid, "The payload is larger than 64 KB", "payload");
    }
    return answer;
}

}  // namespace twinhub::provisioning
