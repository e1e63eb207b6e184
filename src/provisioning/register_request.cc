#include "provisioning/register_request.h"

#include "base/encoding.h"
#include "base/json.h"
#include "provisioning/limits.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

constexpr std::size_t depth_max = 32;

Result<std::string> text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::string();
    if (!value->is_string())
        return failure(Code::argument_invalid, "The member must be a string", std::string(name));
    return std::string(value->get_string().data(), value->get_string().size());
}

bool is_blank(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
}

}  // namespace

Result<RegisterRequest> parse_register(std::string_view body, const ProvisioningId& id) {
    RegisterRequest request;
    if (body.size() > register_bytes_max)
        return failure(Code::message_too_large, "The request is larger than 64 KB");
    if (is_blank(body)) return request;
    TRY(const json::value value, parse_json(body, JsonLimits{register_bytes_max, depth_max}));
    if (!value.is_object())
        return failure(Code::format_invalid, "The request must be a JSON object");
    const json::object& object = value.get_object();
    TRY(const std::string named, text_of(object, "registrationId"));
    if (!named.empty() && !equals_ignoring_case(named, id.text()))
        return failure(Code::argument_invalid, "The request is for another registration id",
                       "registrationId");
    const json::value* payload = object.if_contains("payload");
    if (payload != nullptr && !payload->is_null()) request.payload = to_text(*payload);
    const json::value* tpm = object.if_contains("tpm");
    if (tpm != nullptr && tpm->is_object()) {
        request.tpm.emplace();
        TRY(request.tpm->endorsement, text_of(tpm->get_object(), "endorsementKey"));
        TRY(request.tpm->storage_root, text_of(tpm->get_object(), "storageRootKey"));
    }
    return request;
}

}  // namespace twinhub::provisioning
